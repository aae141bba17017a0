"""The pods of a namespace and the version they are of: who is ready, who is not and why, in words."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from kvx.cluster.pods import condition, is_ready, name_of, statuses, troubles_of
from kvx.cluster.refused_pods import refusal
from kvx.cluster.rollout import complete, serves_something, wanted_replicas
from kvx.cluster.serving import spoken_to
from kvx.cluster.sets import available_of_set
from kvx.cluster.trouble import Object

Health = Literal["ready", "degraded", "not-ready", "not-deployed"]


@dataclass(frozen=True, slots=True)
class PodLine:
    """One pod; `why` is None for one that is ready, `ended` how its last container ended before."""

    name: str
    ready: bool
    node: str | None
    restarts: int
    images: tuple[str, ...]
    why: str | None
    leaving: bool


@dataclass(frozen=True, slots=True)
class Workload:
    """A Deployment, a StatefulSet or a DaemonSet; `updated`: of the newest version, `why`: what holds it up.

    It `speaks` where a Service leads people to it.
    """

    name: str
    wanted: int
    updated: int
    available: int
    health: Health
    images: tuple[str, ...]
    why: str | None
    kind: str = "Deployment"
    speaks: bool = True


def pod_lines(
    pods: Iterable[Object], events: Sequence[Object] = (), lost_nodes: frozenset[str] = frozenset()
) -> tuple[PodLine, ...]:
    """Those that are not ready first, then by name; pods that came to their end well are left out."""
    living = [pod for pod in pods if (pod.get("status") or {}).get("phase") != "Succeeded"]
    lines = [_pod_line(pod, events, lost_nodes) for pod in living]
    return tuple(sorted(lines, key=lambda line: (line.ready, line.leaving, line.name)))


def workloads(items: Iterable[Object], services: Sequence[Object] = ()) -> tuple[Workload, ...]:
    """What answers people first, which the Services tell, then by name."""
    found = tuple(items)
    speaking = {(each.get("kind"), name_of(each)) for each in spoken_to((*found, *services))}
    lines = [_workload(each, speaks=(each.get("kind"), name_of(each)) in speaking) for each in found]
    return tuple(sorted(lines, key=lambda each: (not each.speaks, each.name)))


def health_of(found: Sequence[Workload]) -> Health:
    """Of all together: as good as the worst, and degraded while what answers people does so."""
    each = {workload.health for workload in found}
    if not each:
        return "not-deployed"
    if each == {"ready"}:
        return "ready"
    speaking = {workload.health for workload in found if workload.speaks}
    return "not-ready" if (speaking or each) == {"not-ready"} else "degraded"


def _pod_line(pod: Object, events: Sequence[Object], lost_nodes: frozenset[str]) -> PodLine:
    metadata, ready = pod.get("metadata") or {}, is_ready(pod)
    uid = metadata.get("uid")
    own = tuple(each for each in events if (each.get("involvedObject") or {}).get("uid") == uid)
    containers = statuses(pod)
    return PodLine(
        name=name_of(pod),
        ready=ready,
        node=(pod.get("spec") or {}).get("nodeName"),
        restarts=sum(int(each.get("restartCount") or 0) for each in containers),
        images=tuple(str(each.get("imageID") or each.get("image") or "") for each in containers),
        why=None if ready else next(_reasons(pod, own, lost_nodes)),
        leaving=bool(metadata.get("deletionTimestamp")),
    )


def _reasons(pod: Object, events: Sequence[Object], lost_nodes: frozenset[str]) -> Iterator[str]:
    """Why it is not ready, the best reason first; there is always one."""
    if (pod.get("metadata") or {}).get("deletionTimestamp"):
        yield "is ending"
    for trouble in troubles_of(pod, events, lost_nodes):
        yield trouble.words
    if condition(pod, "PodScheduled").get("status") != "True":
        yield "waits for a node"
    if not any((each.get("state") or {}).get("running") for each in statuses(pod)):
        yield "is being made"
    started = [each.get("started") for each in statuses(pod)]
    yield "is starting" if False in started else "runs, and does not say yet that it is ready"


def _workload(deployment: Object, *, speaks: bool) -> Workload:
    status, template = deployment.get("status") or {}, _template(deployment)
    failed = condition(deployment, "ReplicaFailure")
    return Workload(
        name=name_of(deployment),
        wanted=wanted_replicas(deployment),
        updated=int(status.get("updatedReplicas") or status.get("updatedNumberScheduled") or 0),
        available=available_of_set(deployment),
        health=_health(deployment),
        images=tuple(str(each.get("image")) for each in template.get("containers") or ()),
        why=_why(deployment, failed),
        kind=str(deployment.get("kind") or "Deployment"),
        speaks=speaks,
    )


def _health(deployment: Object) -> Health:
    if complete(deployment):
        return "ready"
    return "degraded" if serves_something(deployment) else "not-ready"


def _why(deployment: Object, failed: Object) -> str | None:
    """What keeps it from having the pods it wants; pods that are there say for themselves."""
    if failed.get("status") == "True":
        return refusal(str(failed.get("message", ""))).words
    if wanted_replicas(deployment) == 0 and deployment.get("kind") != "DaemonSet":
        return "it is scaled to 0, so nothing can serve"
    if condition(deployment, "Progressing").get("reason") == "ProgressDeadlineExceeded":
        return "Kubernetes gave its new version up"
    return None


def _template(deployment: Object) -> Object:
    spec: Object = ((deployment.get("spec") or {}).get("template") or {}).get("spec") or {}
    return spec
