"""Whether a new version of a workload serves, how far it is, and what is in its way."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from kvx.cluster.pods import condition, is_ready, name_of, statuses, troubles_of
from kvx.cluster.refused_pods import refusal, shortened
from kvx.cluster.sets import (
    SETS,
    available_of_set,
    complete_set,
    created_of_set,
    is_of,
    newest_hash,
    wanted_of_set,
)
from kvx.cluster.trouble import AT_ONCE, Object, Trouble, without_repetition

REVISION = "deployment.kubernetes.io/revision"
CONTROLLER_SECONDS = 60.0
ZERO_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Found:
    """A Deployment and what belongs to it, as the API server shows it; `events` in any order.

    Or a StatefulSet, or a DaemonSet with its ControllerRevisions in the place of ReplicaSets.
    """

    deployment: Object
    replica_sets: Sequence[Object] = ()
    pods: Sequence[Object] = ()
    events: Sequence[Object] = ()
    nodes: Sequence[Object] | None = None


@dataclass(frozen=True, slots=True)
class State:
    """`served`: every pod is of the new version, and as many as are wanted are available.

    `enough`: so many of the new version are ready, though some of the old one may still be there.
    """

    served: bool
    words: str
    troubles: tuple[Trouble, ...] = ()
    ready_pods: tuple[str, ...] = ()
    enough: bool = False


@dataclass(frozen=True, slots=True)
class Least:
    """How many pods are enough. `floor`: what an autoscaler never goes below, `begun`: what was wanted first.

    What an autoscaler adds meanwhile is not waited for, and what it takes away is not missed.
    """

    floor: int = 1
    begun: int | None = None

    def of(self, wanted: int) -> int:
        return max(self.floor, wanted if self.begun is None else min(wanted, self.begun))


def least_of(deployment: Object, objects: Sequence[Object], begun: int | None = None) -> Least:
    """By the autoscaler of the Deployment, if one is among the objects; else by what was wanted first."""
    for each in objects:
        target = (each.get("spec") or {}).get("scaleTargetRef") or {}
        same = (target.get("kind"), target.get("name")) == ("Deployment", name_of(deployment))
        if each.get("kind") == "HorizontalPodAutoscaler" and same:
            floor = int(each["spec"].get("minReplicas") or 1)
            return Least(floor, floor)
    return Least(1, begun)


def complete(deployment: Object, least: Least | None = None) -> bool:
    """Whether a Deployment's own figures say that its newest version serves, alone and often enough."""
    if deployment.get("kind") in SETS:
        return complete_set(deployment)
    wanted = wanted_replicas(deployment)
    status = deployment.get("status") or {}
    updated, available = int(status.get("updatedReplicas") or 0), int(status.get("availableReplicas") or 0)
    return (
        _observed(deployment)
        and wanted > 0
        and int(status.get("replicas") or 0) == updated
        and min(updated, available) >= (least or Least()).of(wanted)
    )


def serves_something(deployment: Object) -> bool:
    """Whether any pod of it, of whatever version, is available."""
    return available_of_set(deployment) > 0


def wanted_replicas(deployment: Object) -> int:
    return wanted_of_set(deployment)


def state_of(found: Found, least: Least | None = None) -> State:
    """All that can be said of a rollout from one look."""
    name, newest = name_of(found.deployment), newest_version(found)
    pods = _of(newest, found)
    ready = tuple(name_of(pod) for pod in pods if is_ready(pod))
    if complete(found.deployment, least):
        return State(
            True, f"{name}: {len(ready)} of {len(ready)} pods serve the new version", (), ready, True
        )
    wanted = max(wanted_replicas(found.deployment), (least or Least()).floor)
    words = f"{name}: {len(ready)} of {wanted} pods of the new version ready{_doing(found, pods)}"
    enough = len(ready) >= (least or Least()).of(wanted_replicas(found.deployment)) > 0
    return State(False, words, without_repetition(tuple(_troubles(found, newest, pods))), ready, enough)


def in_the_way(found: Found) -> tuple[Object, ...]:
    """Pods of an older version that will never be ready, and for which a StatefulSet waits all the same.

    Its controller replaces no pod before the one it works on is ready: so a version that cannot start holds
    up the one that mends it ("forced rollback" in Kubernetes' own pages).
    """
    newest = newest_version(found)
    strategy = ((found.deployment.get("spec") or {}).get("updateStrategy") or {}).get("type")
    if newest is None or found.deployment.get("kind") != "StatefulSet" or strategy == "OnDelete":
        return ()
    uid, mine = (newest.get("metadata") or {}).get("uid"), _of(newest, found)
    old = [each for each in found.pods if _owner(each) == uid and each not in mine and not _ends(each)]
    return tuple(each for each in old if any(_lasts(trouble) for trouble in _of_pod(found, each)))


def _of_pod(found: Found, pod: Object) -> tuple[Trouble, ...]:
    return troubles_of(pod, _events_of(found, pod), frozenset())


def _lasts(trouble: Trouble) -> bool:
    return trouble.patience_seconds is not None


def newest_version(found: Found) -> Object | None:
    """The owner of the pods that are wanted now, a ReplicaSet or the set itself; None until a controller has
    said which they are."""
    if found.deployment.get("kind") in SETS:
        return found.deployment if newest_hash(found.deployment, found.replica_sets) else None
    if not _observed(found.deployment):
        return None
    revision, own = _revision(found.deployment), (found.deployment.get("metadata") or {}).get("uid")
    mine = (each for each in found.replica_sets if _owner(each) == own)
    return next((each for each in mine if _revision(each) == revision), None)


def _troubles(found: Found, newest: Object | None, pods: Sequence[Object]) -> Iterator[Trouble]:
    kind = str(found.deployment.get("kind") or "Deployment")
    if wanted_replicas(found.deployment) == 0 and kind != "DaemonSet":
        words = f"the {kind} {name_of(found.deployment)} is scaled to 0, so nothing can serve"
        fix = f"kubectl scale {kind.lower()} {name_of(found.deployment)} --replicas 2"
        yield Trouble("scaled_to_zero", words, fix, ZERO_SECONDS)
    if newest is None:
        words = f"no controller has looked at the new version of {name_of(found.deployment)} yet"
        fix = "kubectl get componentstatuses; is kube-controller-manager running?"
        yield Trouble("controller", words, fix, CONTROLLER_SECONDS)
        return
    yield from _refused(found, newest)
    lost = _lost_nodes(found)
    for pod in pods:
        yield from troubles_of(pod, _events_of(found, pod), lost)
    progress = condition(found.deployment, "Progressing")
    if progress.get("reason") == "ProgressDeadlineExceeded":
        words = (
            f"Kubernetes gave {name_of(found.deployment)} up: {shortened(str(progress.get('message', '')))}"
        )
        yield Trouble("gave_up", words, "kubectl describe deployment; then kvx deploy", AT_ONCE)


def _refused(found: Found, newest: Object) -> Iterator[Trouble]:
    """Pods that the API server does not let be made."""
    failed = condition(newest, "ReplicaFailure")
    if failed.get("status") != "True":
        failed = condition(found.deployment, "ReplicaFailure")
    if failed.get("status") == "True":
        yield _while_others_end(refusal(str(failed.get("message", ""))), found)
        return
    created = created_of_set(newest)
    wishes = wanted_replicas(newest)
    events = [event for event in _events_of(found, newest) if event.get("reason") == "FailedCreate"]
    if events and created < wishes:
        yield _while_others_end(refusal(str(events[-1].get("message", ""))), found)


def _while_others_end(trouble: Trouble, found: Found) -> Trouble:
    """A pod counts against the quota until it has ended, which its grace may delay: that passes by itself."""
    if trouble.kind != "quota" or not any(_ends(pod) for pod in found.pods):
        return trouble
    words = f"{trouble.words}; pods that are ending still count"
    return replace(trouble, kind="quota_until_ended", words=words, patience_seconds=None)


def _lost_nodes(found: Found) -> frozenset[str]:
    """Nodes that do not answer, and nodes that pods are on though they are no more."""
    if found.nodes is None:
        return frozenset()
    answering = {name_of(node) for node in found.nodes if condition(node, "Ready").get("status") == "True"}
    used = {(pod.get("spec") or {}).get("nodeName") for pod in found.pods}
    return frozenset(str(node) for node in used if node and node not in answering)


def _doing(found: Found, pods: Sequence[Object]) -> str:
    """What the pods that are not ready do just now."""
    doing = [_activity(pod) for pod in pods if not is_ready(pod)]
    old = len(found.pods) - len(pods)
    seen = [f"{doing.count(each)} {each}" for each in dict.fromkeys(doing)]
    return f" ({', '.join(seen)})" if seen else (f" ({old} of the old one still there)" if old else "")


def _activity(pod: Object) -> str:
    waiting = [(each.get("state") or {}).get("waiting") for each in statuses(pod)]
    if not (pod.get("spec") or {}).get("nodeName"):
        return "waiting for a node"
    if any(waiting) or not waiting:
        return "being made"
    return "starting"


def _events_of(found: Found, thing: Object) -> tuple[Object, ...]:
    """In the order in which they happened last; a name alone may be that of a predecessor."""
    uid = (thing.get("metadata") or {}).get("uid")
    own = [event for event in found.events if (event.get("involvedObject") or {}).get("uid") == uid]
    return tuple(sorted(own, key=_happened))


def _happened(event: Object) -> str:
    """RFC 3339 in UTC sorts as text."""
    series = event.get("series") or {}
    times = (series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"))
    return str(next(filter(None, times), "") or (event.get("metadata") or {}).get("creationTimestamp", ""))


def _of(owner: Object | None, found: Found) -> tuple[Object, ...]:
    if owner is None:
        return ()
    uid = (owner.get("metadata") or {}).get("uid")
    own = tuple(pod for pod in found.pods if _owner(pod) == uid and not _ends(pod))
    if owner.get("kind") not in SETS:
        return own
    newest = newest_hash(owner, found.replica_sets)
    return tuple(pod for pod in own if newest and is_of(pod, newest))


def _ends(pod: Object) -> bool:
    return bool((pod.get("metadata") or {}).get("deletionTimestamp"))


def _owner(thing: Object) -> object:
    owners = (thing.get("metadata") or {}).get("ownerReferences") or ()
    return next((each.get("uid") for each in owners if each.get("controller")), None)


def _revision(thing: Object) -> object:
    return ((thing.get("metadata") or {}).get("annotations") or {}).get(REVISION)


def _observed(deployment: Object) -> bool:
    seen = int((deployment.get("status") or {}).get("observedGeneration") or 0)
    return seen >= int((deployment.get("metadata") or {}).get("generation") or 0)
