"""All that `kvx status` shows of a cluster, put together from what its API server answered."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from kvx.cluster.overview_drift import Drift, drift
from kvx.cluster.overview_jobs import JobLine, job_lines
from kvx.cluster.overview_pods import Health, PodLine, Workload, health_of, pod_lines, workloads
from kvx.cluster.overview_scaling import Advice, Scaler, Use, advices, scalers, uses
from kvx.cluster.pods import condition, name_of
from kvx.cluster.releases import LABEL, Release, from_object
from kvx.cluster.trouble import Object
from kvx.errors import KvxError

Answers = Mapping[str, Any]
Objects = Sequence[Object]

# What each question is called to a person, and what it lists.
PARTS: Mapping[str, str] = {
    "version": "the version of Kubernetes",
    "nodes": "the nodes",
    "pods": "the pods",
    "deployments": "the Deployments",
    "stateful_sets": "the StatefulSets",
    "daemon_sets": "the DaemonSets",
    "cron_jobs": "the CronJobs",
    "scalers": "the autoscaler",
    "advisers": "the advice on requests",
    "quotas": "the quotas",
    "settings": "the releases and settings",
    "services": "the Services",
    "policies": "the network policies",
    "disruptions": "the disruption budgets",
    "alerts": "the alerts",
    "usage": "what is left of cloud engines",
}
_COMPARED: Mapping[str, str] = {
    "deployments": "Deployment",
    "stateful_sets": "StatefulSet",
    "daemon_sets": "DaemonSet",
    "cron_jobs": "CronJob",
    "scalers": "HorizontalPodAutoscaler",
    "advisers": "VerticalPodAutoscaler",
    "quotas": "ResourceQuota",
    "settings": "ConfigMap",
    "services": "Service",
    "policies": "NetworkPolicy",
    "disruptions": "PodDisruptionBudget",
}


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert that fires; `since` as Prometheus writes it."""

    name: str
    severity: str
    since: str
    summary: str


@dataclass(frozen=True, slots=True)
class Alerts:
    """`watched` is False where no Prometheus looks; `reason` says so."""

    watched: bool
    reason: str | None = None
    firing: tuple[Alert, ...] = ()
    pending: int = 0


@dataclass(frozen=True, slots=True)
class Missing:
    """What could not be asked, and why."""

    part: str
    words: str
    reason: str
    fix: str


@dataclass(frozen=True, slots=True)
class Overview:
    """None stands for what is missing; `advice` is also None where the cluster has no adviser."""

    kubernetes: str | None
    nodes: Objects | None
    workloads: tuple[Workload, ...] | None
    jobs: tuple[JobLine, ...] | None
    pods: tuple[PodLine, ...] | None
    scaling: tuple[Scaler, ...] | None
    advice: tuple[Advice, ...] | None
    has_adviser: bool
    quota: tuple[Use, ...] | None
    releases: tuple[Release, ...] | None
    drift: Drift | None
    alerts: Alerts | None
    usage: Mapping[str, Any] | None
    missing: tuple[Missing, ...]

    @property
    def health(self) -> Health | None:
        return None if self.workloads is None else health_of(self.workloads)

    @property
    def last(self) -> Release | None:
        """The newest release."""
        return max(self.releases or (), key=lambda release: release.revision, default=None)

    @property
    def reason(self) -> str | None:
        """Why it is not as wished, the nearest reason first; None where it is, or nobody can tell."""
        if self.health in {None, "ready", "not-deployed"}:
            return None
        return next(_reasons(self.workloads or (), self.pods or ()), None)


def overview(answers: Answers) -> Overview:
    """Answers as JSON, KvxErrors where there was none; None is what the cluster does not have."""
    got = {name: answer for name, answer in answers.items() if not isinstance(answer, KvxError)}
    missing = [_missing(name, answer) for name, answer in answers.items() if isinstance(answer, KvxError)]
    releases, broken = _releases(got.get("settings"))
    last = max(releases or (), key=lambda release: release.revision, default=None)
    pods, events = got.get("pods", (None, ()))
    lost = lost_nodes(got.get("nodes"))
    differing, unread = _drift(last, got)
    return Overview(
        kubernetes=str(got["version"].get("gitVersion", "?")) if "version" in got else None,
        nodes=got.get("nodes"),
        workloads=_workloads(got),
        jobs=None if isinstance(answers.get("cron_jobs"), KvxError) else job_lines(got.get("cron_jobs", ())),
        pods=None if pods is None else pod_lines(pods, events, lost),
        scaling=scalers(got["scalers"]) if "scalers" in got else None,
        advice=_advice(got),
        has_adviser=got.get("advisers") is not None,
        quota=uses(got["quotas"]) if "quotas" in got else None,
        releases=releases,
        drift=differing,
        alerts=_alerts(answers),
        usage=got.get("usage"),
        missing=(*missing, *broken, *unread),
    )


def _workloads(got: Answers) -> tuple[Workload, ...] | None:
    """Sets as well, where a release has some; without the Deployments nothing can be said."""
    if "deployments" not in got:
        return None
    sets = (*got.get("stateful_sets", ()), *got.get("daemon_sets", ()))
    return workloads((*got["deployments"], *sets), got.get("services", ()))


def lost_nodes(nodes: Objects | None) -> frozenset[str]:
    """Those that do not answer."""
    return frozenset(
        name_of(node) for node in nodes or () if condition(node, "Ready").get("status") != "True"
    )


def release_data(release: Release | None) -> dict[str, object] | None:
    """A release for programs, without the manifests it keeps."""
    if release is None:
        return None
    known = {"revision": release.revision, **asdict(release.made)}
    known |= {"images": dict(release.images), "configuration": release.configuration}
    return {**known, "left_out": list(release.left_out)}


def _missing(name: str, error: KvxError) -> Missing:
    return Missing(name, PARTS[name], error.message, error.fix)


def _reasons(found: Sequence[Workload], pods: Sequence[PodLine]) -> Iterator[str]:
    for workload in found:
        if workload.why:
            yield workload.why
    for pod in pods:
        if pod.why and not pod.leaving:
            yield f"pod {pod.name} {pod.why}"
    if not pods:
        yield "no pod has been made yet"


def _releases(settings: Objects | None) -> tuple[tuple[Release, ...] | None, list[Missing]]:
    """Those that can be read, and what is wrong with the others."""
    if settings is None:
        return None, []
    releases, broken = [], []
    for each in settings:
        if LABEL in ((each.get("metadata") or {}).get("labels") or {}):
            try:
                releases.append(from_object(each))
            except KvxError as error:
                broken.append(Missing("release", "a release", error.message, error.fix))
    return tuple(releases), broken


def _drift(last: Release | None, got: Answers) -> tuple[Drift | None, list[Missing]]:
    if last is None:
        return None, []
    live = {kind: got[name] or () for name, kind in _COMPARED.items() if name in got}
    try:
        return drift(last.objects, live), []
    except KvxError as error:
        return None, [Missing("drift", "the drift", error.message, error.fix)]


def _advice(got: Answers) -> tuple[Advice, ...] | None:
    if got.get("advisers") is None:
        return None
    return advices(got["advisers"], got.get("deployments") or ())


def _alerts(answers: Answers) -> Alerts | None:
    if "alerts" not in answers:
        return Alerts(watched=False, reason="the component monitoring is not switched on")
    answer = answers["alerts"]
    if isinstance(answer, KvxError):
        return None
    if answer is None:
        return Alerts(watched=False, reason="no Prometheus of the Prometheus operator is there")
    found = (answer.get("data") or {}).get("alerts") or ()
    firing = sorted((each for each in found if each.get("state") == "firing"), key=_how_bad)
    pending = sum(each.get("state") == "pending" for each in found)
    return Alerts(True, None, tuple(_alert(each) for each in firing), pending)


def _how_bad(alert: Mapping[str, Any]) -> tuple[int, str]:
    labels = alert.get("labels") or {}
    order = ("critical", "warning", "info")
    severity = labels.get("severity")
    return (order.index(severity) if severity in order else len(order)), str(labels.get("alertname"))


def _alert(found: Mapping[str, Any]) -> Alert:
    labels, notes = found.get("labels") or {}, found.get("annotations") or {}
    return Alert(
        name=str(labels.get("alertname", "?")),
        severity=str(labels.get("severity", "none")),
        since=str(found.get("activeAt", "")),
        summary=str(notes.get("summary") or notes.get("description") or ""),
    )
