"""For each alert: figures at which it speaks, figures at the edge at which it does not, and what it says."""

from dataclasses import dataclass, field

Series = tuple[tuple[str, str], ...]
"""Names with labels, and values in promtool's notation: a+bxn is n more values, each larger by b."""


@dataclass(frozen=True, slots=True)
class Case:
    """One alert.

    fires, edge   series of the figures, one value a minute
    at_minutes    when the alert is looked for
    labels        what it then carries beside its severity
    severity      as the rule says
    absent_fires  whether it speaks when there are no figures at all
    well          figures after which it is silent again, where the edge comes nearer with time
    """

    alert: str
    fires: Series
    edge: Series
    at_minutes: int
    labels: dict[str, str] = field(default_factory=dict)
    severity: str = "warning"
    absent_fires: bool = False
    well: Series = ()


def requests(errors: int, per_minute: int, minutes: int) -> Series:
    """Requests of a route, of which so many a minute fail."""
    good = per_minute - errors
    name = 'kvx_voice_requests_total{namespace="kvx",pod="a",route="/v1/commands",status="%s"}'
    return ((name % 200, f"0+{good}x{minutes}"), (name % 500, f"0+{errors}x{minutes}"))


def refused(count: int, of: int, minutes: int) -> Series:
    name = 'kvx_voice_requests_total{namespace="kvx",pod="a",route="/v1/commands",status="%s"}'
    return ((name % 200, f"0+{of - count}x{minutes}"), (name % 429, f"0+{count}x{minutes}"))


def answered(within: str, minutes: int) -> Series:
    """A histogram: 94 of 100 requests end in 1 s, the others `within` so many."""
    name = 'kvx_voice_request_seconds_bucket{namespace="kvx",route="/v1/commands",le="%s"}'
    counts = {"1": 94, "2.5": 100 if within == "2.5" else 94, "5": 100, "+Inf": 100}
    return tuple((name % edge, f"0+{count}x{minutes}") for edge, count in counts.items())


def steady(name: str, value: float | str, minutes: int) -> Series:
    return ((name, f"{value}+0x{minutes}"),)


def usage(cores: float, limit: float, minutes: int) -> Series:
    used = 'container_cpu_usage_seconds_total{namespace="kvx",pod="a",container="voice-api"}'
    bound = 'kube_pod_container_resource_limits{namespace="kvx",pod="a",container="voice-api",resource="cpu"}'
    return ((used, f"0+{cores * 60:g}x{minutes}"), (bound, f"{limit}+0x{minutes}"))


def memory(used_mebibytes: float, minutes: int) -> Series:
    used = 'container_memory_working_set_bytes{namespace="kvx",pod="a",container="voice-api"}'
    bound = (
        'kube_pod_container_resource_limits{namespace="kvx",pod="a",container="voice-api",resource="memory"}'
    )
    return (
        (used, f"{used_mebibytes * 2**20:.0f}+0x{minutes}"),
        (bound, f"{512 * 2**20}+0x{minutes}"),
    )


def backlog(seconds: float, minutes: int) -> Series:
    labels = '{namespace="kvx",pod="a",lane="short"}'
    return (
        (f"kvx_voice_queue_seconds{labels}", f"{seconds * 2}+0x{minutes}"),
        (f"kvx_voice_lane_rate{labels}", f"2+0x{minutes}"),
    )


KVX = {"namespace": "kvx"}
MODEL_READY = 'kvx_voice_language_model_ready{namespace="kvx",pod="a",model="llama.cpp"}'
GUESSED = 'kvx_voice_rejected_total{namespace="kvx",pod="a",code="not_authenticated"}'
DENIED = 'kvx_voice_security_events_total{namespace="kvx",pod="a",event="denied"}'
POD = {"namespace": "kvx", "pod": "a"}
READY = 'kvx_voice_ready{namespace="kvx",pod="a"}'
DEPLOYED = '{namespace="kvx",deployment="voice-api"}'
SCALED = '{namespace="kvx",horizontalpodautoscaler="voice-api"}'
RESTARTS = 'kube_pod_container_status_restarts_total{namespace="kvx",pod="a",container="voice-api"}'
PRESSURE = 'kube_node_status_condition{node="n",condition="%s",status="true"}'
DAY = 86_400


def spent(what: str, euros: float, minutes: int) -> Series:
    """The costs of a month in two pools."""
    name = 'kvx_cost_month_%s_euros{cluster="kvx",pool="%s"}'
    return (
        *steady(name % (what, "control-plane"), 5, minutes),
        *steady(name % (what, "workers"), euros - 5, minutes),
    )


ORPHAN = 'kvx_cost_orphan_age_seconds{kind="volume",id="7",name="v"}'
# A budget of 20 euros, and a quarter of its month.
QUARTER_OF_A_MONTH = steady("kvx_cost_budget_euros", 20, 70) + steady(
    "kvx_cost_month_progress_ratio", 0.25, 70
)

MINUTES = {**KVX, "engine": "hume", "key": "all", "unit": "milliseconds"}
ANSWERS = (
    'kvx_voice_answers_total{namespace="kvx",pod="a",task="listen",wished="hume",engine="%s",reason="%s"}'
)
BUDGET = (
    'kvx_voice_budget_%s{namespace="kvx",pod="a",engine="hume",key="all",unit="milliseconds",window="month"}'
)


def minutes_used(seconds: int, minutes: int) -> Series:
    """Of a budget of ten minutes."""
    used = steady(BUDGET % "used", seconds * 1_000, minutes)
    return used + steady(BUDGET % "limit", 600_000, minutes)


def lasting(empty_at: int, minutes: int) -> Series:
    """A budget that begins anew on the thousandth day."""
    empty = steady(BUDGET % "empty_timestamp_seconds", empty_at, minutes)
    return empty + steady(BUDGET % "resets_timestamp_seconds", 1_000 * DAY, minutes)


CASES = (
    Case(
        "KvxVoiceApiAbsent",
        steady('up{namespace="kvx"}', 1, 6),
        steady(READY, 0, 6),
        6,
        severity="critical",
        absent_fires=True,
    ),
    Case(
        "KvxVoiceApiNotReady",
        steady(READY, 0, 4),
        steady(READY, 0, 4) + steady('kvx_voice_ready{namespace="kvx",pod="b"}', 1, 4),
        4,
        KVX,
        "critical",
    ),
    Case(
        "KvxVoiceApiReplicasMissing",
        steady(f"kube_deployment_status_replicas_available{DEPLOYED}", 1, 12)
        + steady(f"kube_deployment_spec_replicas{DEPLOYED}", 2, 12),
        steady(f"kube_deployment_status_replicas_available{DEPLOYED}", 2, 12)
        + steady(f"kube_deployment_spec_replicas{DEPLOYED}", 2, 12),
        12,
        {**KVX, "deployment": "voice-api"},
    ),
    Case("KvxVoiceErrorsFast", requests(73, 1000, 70), requests(71, 1000, 70), 70, KVX, "critical"),
    Case("KvxVoiceErrorsSlow", requests(31, 1000, 400), requests(29, 1000, 400), 400, KVX),
    Case("KvxVoiceCommandsSlow", answered("5", 20), answered("2.5", 20), 20, KVX),
    Case("KvxVoiceBacklog", backlog(10.1, 7), backlog(10, 7), 7, POD),
    Case("KvxVoiceRefuses", refused(51, 1000, 14), refused(49, 1000, 14), 14, KVX),
    Case("KvxVoiceKeysGuessed", ((GUESSED, "0+6x14"),), ((GUESSED, "0+5x14"),), 14, KVX),
    Case("KvxVoiceCommandsDenied", ((DENIED, "0+1x20"),), ((DENIED, "0+0.6x20"),), 20, KVX),
    Case(
        "KvxVoiceAtMaximum",
        steady(f"kube_horizontalpodautoscaler_status_current_replicas{SCALED}", 3, 18)
        + steady(f"kube_horizontalpodautoscaler_spec_max_replicas{SCALED}", 3, 18),
        steady(f"kube_horizontalpodautoscaler_status_current_replicas{SCALED}", 2, 18)
        + steady(f"kube_horizontalpodautoscaler_spec_max_replicas{SCALED}", 3, 18),
        18,
        {**KVX, "horizontalpodautoscaler": "voice-api"},
    ),
    Case("KvxVoiceCpuHigh", usage(0.405, 0.5, 14), usage(0.4, 0.5, 14), 14, POD),
    Case("KvxVoiceMemoryHigh", memory(436, 8), memory(435, 8), 8, POD),
    Case(
        "KvxVoiceRestarts",
        ((RESTARTS, "0+0x5 1 2 3 4 4+0x4"),),
        ((RESTARTS, "0+0x5 1 2 2 2 2+0x4"),),
        12,
        {**POD, "container": "voice-api"},
    ),
    Case(
        "KvxCertificateExpires",
        steady('traefik_tls_certs_not_after{cn="a"}', 14 * DAY, 100),
        steady('traefik_tls_certs_not_after{cn="a"}', 14 * DAY + 100 * 60, 100),
        100,
        {"cn": "a"},
        well=steady('traefik_tls_certs_not_after{cn="a"}', 90 * DAY, 100),
    ),
    Case(
        "KvxNodePressure",
        steady(PRESSURE % "DiskPressure", 1, 7),
        steady(PRESSURE % "DiskPressure", 0, 7) + steady(PRESSURE % "Ready", 1, 7),
        7,
        {"node": "n", "condition": "DiskPressure", "status": "true"},
    ),
    Case(
        "KvxNodeHot",
        steady('node_hwmon_temp_celsius{instance="n",sensor="temp1"}', 81, 12),
        steady('node_hwmon_temp_celsius{instance="n",sensor="temp1"}', 80, 12),
        12,
        {"instance": "n"},
    ),
    Case(
        "KvxCostOverBudget",
        spent("committed", 20.5, 70) + steady("kvx_cost_budget_euros", 20, 70),
        spent("committed", 20, 70) + steady("kvx_cost_budget_euros", 20, 70),
        70,
    ),
    Case(
        "KvxCostBudgetBurns",
        spent("to_date", 8, 70) + QUARTER_OF_A_MONTH,
        spent("to_date", 7.5, 70) + QUARTER_OF_A_MONTH,
        70,
    ),
    Case(
        "KvxCostDayDear",
        steady("kvx_cost_yesterday_euros", 2.1, 70) + steady("kvx_cost_usual_day_euros", 1, 70),
        steady("kvx_cost_yesterday_euros", 2, 70) + steady("kvx_cost_usual_day_euros", 1, 70),
        70,
    ),
    Case(
        "KvxCostOrphan",
        steady(ORPHAN, DAY + 1, 70),
        steady(ORPHAN, DAY, 70),
        70,
        {"kind": "volume", "id": "7", "name": "v"},
    ),
    Case(
        "KvxCostReportStale",
        steady("kvx_cost_last_success_timestamp_seconds", 0, 200),
        steady("kvx_cost_last_success_timestamp_seconds", 200 * 60 - 7200, 200),
        200,
        well=steady("kvx_cost_last_success_timestamp_seconds", 90_000, 200),
    ),
    Case(
        "KvxCostPricesOld",
        steady("kvx_cost_price_list_timestamp_seconds", -30 * DAY, 100),
        steady("kvx_cost_price_list_timestamp_seconds", 100 * 60 - 30 * DAY, 100),
        100,
        well=steady("kvx_cost_price_list_timestamp_seconds", 0, 100),
    ),
    Case(
        "KvxCostIdle",
        steady("kvx_cost_idle_ratio", 0.61, 1_500),
        steady("kvx_cost_idle_ratio", 0.6, 1_500),
        1_500,
        well=steady("kvx_cost_idle_ratio", 0.1, 1_500),
    ),
    Case("KvxCloudBudgetLow", minutes_used(480, 12), minutes_used(479, 12), 12, MINUTES),
    Case("KvxCloudBudgetExhausted", minutes_used(600, 12), minutes_used(599, 12), 12, MINUTES),
    Case(
        "KvxCloudBudgetRunsOut",
        lasting(1_000 * DAY - 1, 60) + minutes_used(100, 60),
        lasting(1_000 * DAY, 60) + minutes_used(100, 60),
        60,
        MINUTES,
        "info",
    ),
    Case(
        "KvxCloudEngineUnreachable",
        ((ANSWERS % ("local", "unreachable"), "0+1x40"),),
        ((ANSWERS % ("local", "unreachable"), "0+1x40"), (ANSWERS % ("hume", "none"), "0+1x40")),
        40,
        {**KVX, "wished": "hume"},
    ),
    Case(
        "KvxVoiceLanguageModelAway",
        ((MODEL_READY, "0+0x30"),),
        ((MODEL_READY, "1+0x30"),),
        30,
        {**KVX, "model": "llama.cpp"},
        "info",
    ),
)
