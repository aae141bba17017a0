"""CronJobs: when they run, and whether their last run came to a good end."""

from collections.abc import Iterable
from dataclasses import dataclass

from kvx.cluster.pods import name_of
from kvx.cluster.trouble import Object


@dataclass(frozen=True, slots=True)
class JobLine:
    """One CronJob; times as Kubernetes writes them, `why` is None where nothing is wrong with it."""

    name: str
    schedule: str
    last_run: str | None
    last_success: str | None
    running: int
    why: str | None


def job_lines(cron_jobs: Iterable[Object]) -> tuple[JobLine, ...]:
    """What is wrong first, then by name."""
    lines = map(_line, cron_jobs)
    return tuple(sorted(lines, key=lambda line: (line.why is None, line.name)))


def _line(item: Object) -> JobLine:
    spec, status = item.get("spec") or {}, item.get("status") or {}
    last, well = status.get("lastScheduleTime"), status.get("lastSuccessfulTime")
    running = len(status.get("active") or ())
    why = None
    if spec.get("suspend"):
        why = "is suspended, and does not run"
    elif last and not running and (well or "") < last:  # both are RFC 3339 in UTC, and sort as text
        before = f"; the last that did ended at {well}" if well else ""
        why = f"its run of {last} came to no good end{before}"
    return JobLine(name_of(item), str(spec.get("schedule", "?")), last, well, running, why)
