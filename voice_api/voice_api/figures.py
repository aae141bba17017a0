"""Every metric of voice-api, in one place, with names that start kvx_voice_."""

from collections.abc import Callable, Iterable, Mapping

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.process_collector import ProcessCollector

CONTENT_TYPE = CONTENT_TYPE_LATEST
HEALTH_ROUTES = frozenset({"/health", "/ready"})
STAGES = (
    *("decode_audio", "vad", "features", "encode", "decode", "decode_names"),
    *("interpret", "act", "speak"),
)
NAMES_OUTCOMES = ("unneeded", "not_tried", "late", "kept", "taken")
STAGE_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
JOB_SECONDS = (1, 5, 15, 30, 60, 120, 300, 600, 1_200, 1_800, 3_600, 7_200, 21_600)
REQUEST_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)


class Figures:
    """The process's metrics; one per service, so that two services never share a count."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.requests = Counter(
            "kvx_voice_requests", "Requests answered", ("route", "status"), registry=registry
        )
        self.request_seconds = Histogram(
            "kvx_voice_request_seconds",
            "Time to answer",
            ("route",),
            buckets=REQUEST_SECONDS,
            registry=registry,
        )
        self.stage_seconds = Histogram(
            "kvx_voice_stage_seconds", "Time per stage", ("stage",), buckets=STAGE_SECONDS, registry=registry
        )
        self.heard_seconds = Counter("kvx_voice_audio_heard_seconds", "Sound listened to", registry=registry)
        self.spoken_seconds = Counter("kvx_voice_audio_spoken_seconds", "Sound spoken", registry=registry)
        self.commands = Counter(
            "kvx_voice_commands", "Commands answered", ("status", "intent"), registry=registry
        )
        self.security_events = Counter(
            "kvx_voice_security_events",
            "Commands that were denied, or answers that were none, as the journal has them",
            ("event",),
            registry=registry,
        )
        self.language_model = Counter(
            "kvx_voice_language_model",
            "Sentences that the language model was asked about, by what came of it",
            ("outcome",),
            registry=registry,
        )
        self.language_model_ready = Gauge(
            "kvx_voice_language_model_ready",
            "1 where a language model would be asked now; nothing where there is none",
            ("model",),
            registry=registry,
        )
        self.rejected = Counter(
            "kvx_voice_rejected", "Requests refused, by error code", ("code",), registry=registry
        )
        self.in_flight = Gauge("kvx_voice_requests_in_flight", "Requests being answered", registry=registry)
        self.waiting = Gauge("kvx_voice_queue_waiting", "Requests waiting for the model", registry=registry)
        self.queue_seconds = Gauge(
            "kvx_voice_queue_seconds",
            "Sound that is waiting or under way, by lane (questions in the lane acting)",
            ("lane",),
            registry=registry,
        )
        self.lane_rate = Gauge(
            "kvx_voice_lane_rate",
            "Seconds of sound done in a second, as measured lately, by lane (questions in the lane acting)",
            ("lane",),
            registry=registry,
        )
        self.context_fallback = Counter(
            "kvx_voice_context_fallback",
            "Windows heard again with the whole context, because the short one was not to be trusted",
            registry=registry,
        )
        self.retries = Counter(
            "kvx_voice_retries", "Windows decoded again, by reason", ("reason",), registry=registry
        )
        self.live_names = Counter(
            "kvx_voice_live_names",
            "Sounds for which live names were at hand, by what came of it: unneeded and not_tried were heard "
            "once, kept and taken a second time with names, and late was given up",
            ("outcome",),
            registry=registry,
        )
        self.partials = Counter(
            "kvx_voice_partials", "Hearings of sound that was still spoken", registry=registry
        )
        self.answers = Counter(
            "kvx_voice_answers",
            "Sounds heard and texts spoken, by the engine that was wished, the one that answered, and why "
            "it was another one",
            ("task", "wished", "engine", "reason"),
            registry=registry,
        )
        self.budget_limit = _of_budgets("limit", "At most so much of a unit in a window", registry)
        self.budget_used = _of_budgets("used", "So much of it is used or held", registry)
        self.budget_resets = _of_budgets(
            "resets_timestamp_seconds", "When a month of a budget begins anew", registry
        )
        self.budget_empty = _of_budgets(
            "empty_timestamp_seconds",
            "When nothing is left at today's pace; infinite where it lasts until it begins anew",
            registry,
        )
        self.engine_ready = Gauge(
            "kvx_voice_engine_ready",
            "1 where an engine elsewhere would be asked now, by its state",
            ("engine", "state"),
            registry=registry,
        )
        self.sessions = Gauge(
            "kvx_voice_realtime_sessions", "Sessions open at /v1/realtime", registry=registry
        )
        self.ready = Gauge("kvx_voice_ready", "1 when /ready answers 200", registry=registry)
        self.resident = Gauge(
            "kvx_voice_resident_memory_bytes", "Memory held by the process", registry=registry
        )
        self.model_info = Gauge(
            "kvx_voice_model_info",
            "What listens and what speaks",
            ("version", "listener", "speaker"),
            registry=registry,
        )
        self.processor_info = Gauge(
            "kvx_voice_processor_info",
            "What of the processor the model uses",
            ("machine", "features", "kernels", "threads", "threads_from", "precision", "attention"),
            registry=registry,
        )
        for stage in STAGES:
            self.stage_seconds.labels(stage)
        for outcome in NAMES_OUTCOMES:
            self.live_names.labels(outcome)
        self._answered = 0
        self._before: list[Callable[[], None]] = []

    def before_reading(self, renew: Callable[[], None]) -> None:
        """Call `renew` each time before the figures are read."""
        self._before.append(renew)

    def answered_by(self, task: str, wished: str | None, engine: str, reason: str | None) -> None:
        """Count who heard or spoke."""
        self.answers.labels(task, wished or "none", engine, reason or "none").inc()

    def watch(self, gauge: Gauge, value: Callable[[], float]) -> None:
        """Ask `value` each time the figures are read."""
        gauge.set_function(value)

    def answered(self, route: str, status: int, seconds: float) -> None:
        self._answered += route not in HEALTH_ROUTES
        self.requests.labels(route, str(status)).inc()
        self.request_seconds.labels(route).observe(seconds)

    @property
    def answered_total(self) -> int:
        """Requests answered so far, health checks aside."""
        return self._answered

    def stages(self, timings_ms: Mapping[str, float]) -> None:
        """Count the stages among the timings; `total` and unknown names are no stages."""
        for stage in STAGES:
            if stage in timings_ms:
                self.stage_seconds.labels(stage).observe(timings_ms[stage] / 1000)

    def retried(self, reasons: Iterable[str]) -> None:
        """Count why windows were decoded again."""
        for reason in reasons:
            self.retries.labels(reason).inc()
            if reason == "context":
                self.context_fallback.inc()

    def named(self, outcome: str | None) -> None:
        """Count what came of live names, where there were any."""
        if outcome:
            self.live_names.labels(outcome).inc()

    def text(self) -> bytes:
        """The figures in Prometheus' text format."""
        for renew in self._before:
            renew()
        return generate_latest(self.registry)


def _of_budgets(name: str, words: str, registry: CollectorRegistry) -> Gauge:
    """A figure of every budget; key is a caller's name, or all."""
    labels = ("engine", "key", "unit", "window")
    return Gauge(f"kvx_voice_budget_{name}", words, labels, registry=registry)


class JobFigures:
    """What a processor adds to the figures of its process."""

    def __init__(self, registry: CollectorRegistry, outcomes: Iterable[str]) -> None:
        self.jobs = Gauge("kvx_voice_jobs", "Jobs by status", ("status",), registry=registry)
        self.held_bytes = Gauge(
            "kvx_voice_jobs_held_bytes", "Sound of jobs that wait or are heard", registry=registry
        )
        self.held_seconds = Gauge(
            "kvx_voice_jobs_held_seconds", "The same, as long as it says it is", registry=registry
        )
        self.attempts = Counter(
            "kvx_voice_job_attempts",
            "Attempts at jobs, by what came of them",
            ("outcome",),
            registry=registry,
        )
        self.waited = Histogram(
            "kvx_voice_job_wait_seconds",
            "From the acceptance of a job to an attempt at it",
            buckets=JOB_SECONDS,
            registry=registry,
        )
        self.took = Histogram(
            "kvx_voice_job_seconds", "Time that an attempt took", buckets=JOB_SECONDS, registry=registry
        )
        for outcome in outcomes:
            self.attempts.labels(outcome)
