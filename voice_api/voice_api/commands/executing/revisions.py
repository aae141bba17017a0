"""Earlier revisions of a workload, as its controller keeps them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from voice_api.commands.executing.objects import Object

REVISION = "deployment.kubernetes.io/revision"
HASH_LABEL = "pod-template-hash"


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision: a pod template (of a ReplicaSet), or a patch of the object (of a ControllerRevision)."""

    number: int
    template: Mapping[str, Any] | None
    patch: Mapping[str, Any] = field(default_factory=dict)


def is_observed(workload: Object) -> bool:
    """Whether its controller has seen its last change; before that nobody knows what is earlier than what."""
    told = (workload.get("status") or {}).get("observedGeneration", 0)
    return int(told) >= int(workload["metadata"].get("generation", 0))


def revision_of(workload: Object, beside: Sequence[Object]) -> int:
    """The number of the revision that is wanted now; 0 where it is not known."""
    if workload.get("kind") == "Deployment":
        return int((workload["metadata"].get("annotations") or {}).get(REVISION, 0))
    named = (workload.get("status") or {}).get("updateRevision")
    found = _revisions(workload, beside)
    exact = [int(each["revision"]) for each in beside if each["metadata"]["name"] == named]
    return exact[0] if exact else max((each.number for each in found), default=0)


def revision_wanted(workload: Object, beside: Sequence[Object], number: int | None) -> Revision | str:
    """The revision before the present one or the one with a number; else why there is none."""
    now = revision_of(workload, beside)
    found = {each.number: each for each in _revisions(workload, beside)}
    if number is None:
        earlier = [each for each in found if each < now]
        return found[max(earlier)] if earlier else "has no earlier revision"
    if number == now:
        return f"is at revision {number} already"
    return found.get(number) or f"has no revision {number}"


def _revisions(workload: Object, beside: Sequence[Object]) -> list[Revision]:
    uid = workload["metadata"]["uid"]
    owned = [each for each in beside if _owner(each) == uid]
    if workload.get("kind") != "Deployment":
        return [Revision(int(each["revision"]), None, _data(each)) for each in owned]
    return [
        Revision(int(numbered), _template(each))
        for each in owned
        if (numbered := (each["metadata"].get("annotations") or {}).get(REVISION))
    ]


def _owner(each: Object) -> str:
    owners = each["metadata"].get("ownerReferences") or ()
    return next((str(owner["uid"]) for owner in owners if owner.get("controller")), "")


def _data(each: Object) -> Mapping[str, Any]:
    data = each["data"]
    return dict(json.loads(data)) if isinstance(data, str) else dict(data)


def _template(replica_set: Object) -> dict[str, Any]:
    """As the deployment had it: the label that tells ReplicaSets apart is the controller's own."""
    template = dict(replica_set["spec"]["template"])
    metadata = dict(template.get("metadata") or {})
    labels = {name: value for name, value in (metadata.get("labels") or {}).items() if name != HASH_LABEL}
    return {**template, "metadata": {**metadata, "labels": labels}}
