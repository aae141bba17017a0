"""Whether the newest version of a StatefulSet or a DaemonSet serves, by its own figures and its pods."""

from collections.abc import Sequence

from kvx.cluster.trouble import Object

SETS = ("StatefulSet", "DaemonSet")
HASH = "controller-revision-hash"


def wanted_of_set(item: Object) -> int:
    """Pods; also of a Deployment and a ReplicaSet.

    A DaemonSet wants as many as there are nodes for it, which its controller has counted.
    """
    spec, status = item.get("spec") or {}, item.get("status") or {}
    if item.get("kind") == "DaemonSet":
        return int(status.get("desiredNumberScheduled") or 0)
    wanted = spec.get("replicas")
    return 1 if wanted is None else int(wanted)


def available_of_set(item: Object) -> int:
    """Of whatever version; also of a Deployment."""
    status = item.get("status") or {}
    name = "numberAvailable" if item.get("kind") == "DaemonSet" else "availableReplicas"
    return int(status.get(name) or 0)


def created_of_set(item: Object) -> int:
    """Pods that there are of it; also of a ReplicaSet."""
    status = item.get("status") or {}
    name = "currentNumberScheduled" if item.get("kind") == "DaemonSet" else "replicas"
    return int(status.get(name) or 0)


def complete_set(item: Object) -> bool:
    """Whether all that is wanted is of the newest version and available.

    With OnDelete a set never is new by itself, so its age is not looked at; what a partition holds back is
    not waited for. A DaemonSet that no node is for has nothing to wait for.
    """
    spec, status = item.get("spec") or {}, item.get("status") or {}
    wanted = wanted_of_set(item)
    if not observed(item) or (wanted == 0 and item.get("kind") == "StatefulSet"):
        return False
    if (spec.get("updateStrategy") or {}).get("type") == "OnDelete":
        return available_of_set(item) >= wanted
    name = "updatedNumberScheduled" if item.get("kind") == "DaemonSet" else "updatedReplicas"
    left = int(((spec.get("updateStrategy") or {}).get("rollingUpdate") or {}).get("partition") or 0)
    return int(status.get(name) or 0) >= wanted - left and available_of_set(item) >= wanted


def observed(item: Object) -> bool:
    """Whether its controller has looked at what is wanted now."""
    seen = int((item.get("status") or {}).get("observedGeneration") or 0)
    return seen >= int((item.get("metadata") or {}).get("generation") or 0)


def newest_hash(item: Object, revisions: Sequence[Object]) -> str | None:
    """By which pods of the newest version are known; None until a controller has said it.

    A StatefulSet says it itself; of a DaemonSet it is the label of the last of its ControllerRevisions.
    """
    if not observed(item):
        return None
    if item.get("kind") == "StatefulSet":
        return (item.get("status") or {}).get("updateRevision") or None
    uid = (item.get("metadata") or {}).get("uid")
    own = [each for each in revisions if _owner(each) == uid]
    newest = max(own, key=lambda each: int(each.get("revision") or 0), default=None)
    return None if newest is None else _labels(newest).get(HASH)


def is_of(pod: Object, revision: str) -> bool:
    return _labels(pod).get(HASH) == revision


def _labels(item: Object) -> Object:
    labels: Object = (item.get("metadata") or {}).get("labels") or {}
    return labels


def _owner(item: Object) -> object:
    owners = (item.get("metadata") or {}).get("ownerReferences") or ()
    return next((each.get("uid") for each in owners if each.get("controller")), None)
