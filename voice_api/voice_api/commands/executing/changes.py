"""From a call and the object it meets to requests that make the change. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from voice_api.cluster.requests import Sent
from voice_api.cluster.reviews import Attempt
from voice_api.commands.executing.difference import RESTARTED_AT
from voice_api.commands.executing.objects import Object, Place, held, replicas_of
from voice_api.commands.executing.revisions import Revision, is_observed, revision_of, revision_wanted
from voice_api.commands.executing.versions import images_with, only_version
from voice_api.commands.wording import at_most, listed

MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"
MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class Seen:
    """What was looked at for a call.

    beside  what else it needs: ReplicaSets or ControllerRevisions for going back, pods for a drain
    """

    place: Place
    object: Object
    beside: Sequence[Object] = ()


@dataclass(frozen=True, slots=True)
class Write:
    """One request with what it needs the right for, and what of the object it answers with (spec or all)."""

    request: Sent
    attempt: Attempt
    before: Object = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Inverse:
    """The call that takes a change back, by name and arguments."""

    function: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """Requests in their order, all of which are one change.

    said     the change as a part of a sentence: "scale deployment web in shop from 3 to 5 replicas"
    inverse  what takes it back, or why nothing does
    """

    writes: tuple[Write, ...]
    said: str
    inverse: Inverse | str


@dataclass(frozen=True, slots=True)
class NoChange:
    """Why there is nothing to write; `already` where it is as it is wanted."""

    why: str
    already: bool = False


Wanted: TypeAlias = Change | NoChange


def change_of(function: str, values: Mapping[str, Any], seen: Seen, moment: str) -> Wanted:
    """The change that a call comes to, bound to the object as it was seen.

    moment  RFC 3339; when a restart was asked for
    """
    making = CHANGES.get(function)
    return making(seen, values, moment) if making else NoChange(f"I cannot do {function.replace('_', ' ')}.")


def _scaled(seen: Seen, after: int) -> Wanted:
    place, before = seen.place, replicas_of(seen.object)
    if before is None:
        return NoChange(f"The {place.said} has no number of replicas.")
    if before == after:
        return NoChange(f"The {place.said} has {after} replicas already.", already=True)
    body = {"metadata": held(seen.object), "spec": {"replicas": after}}
    request = Sent("PATCH", f"{place.path}/scale", body, MERGE)
    write = Write(request, place.attempt("patch", "scale"), {"spec": {"replicas": before}})
    back = Inverse("scale", {**_named(place), "replicas": before})
    return Change((write,), f"scale {place.said} from {before} to {after} replicas", back)


def _restarted(seen: Seen, moment: str) -> Wanted:
    template = {"metadata": {"annotations": {RESTARTED_AT: moment}}}
    write = _patch(seen, {"spec": {"template": template}})
    return Change((write,), f"restart {seen.place.said}", "A restart cannot be taken back.")


def _paused(seen: Seen, paused: bool) -> Wanted:
    place = seen.place
    if bool(seen.object["spec"].get("paused")) is paused:
        state = "paused" if paused else "not paused"
        return NoChange(f"The rollout of {place.name} is {state} already.", already=True)
    write = _patch(seen, {"spec": {"paused": paused}})
    back = Inverse("resume_rollout" if paused else "pause_rollout", _named(place))
    return Change((write,), f"{'pause' if paused else 'resume'} the rollout of {place.said}", back)


def _gone_back(seen: Seen, number: int | None) -> Wanted:
    place = seen.place
    if seen.object["spec"].get("paused"):
        return NoChange(f"The rollout of {place.name} is paused: resume it first.")
    if not is_observed(seen.object):
        why = (
            f"The controller of {place.said} has not looked at its last change yet: say it again in a moment."
        )
        return NoChange(why)
    now = revision_of(seen.object, seen.beside)
    wanted = revision_wanted(seen.object, seen.beside, number)
    if isinstance(wanted, str):
        return NoChange(f"The {place.said} {wanted}.")
    back = (
        Inverse("undo_rollout", {**_named(place), "revision": now}) if now else "I do not know its revision."
    )
    return Change(
        (_revision_write(seen, wanted),), f"take {place.said} back to revision {wanted.number}", back
    )


def _revision_write(seen: Seen, wanted: Revision) -> Write:
    place = seen.place
    if wanted.template is None:  # a ControllerRevision holds a strategic patch of the object
        patch = {**wanted.patch, "metadata": held(seen.object)}
        return Write(Sent("PATCH", place.path, patch, STRATEGIC), place.attempt("patch"), seen.object)
    steps = [
        *(
            {"op": "replace", "path": f"/metadata/{name}", "value": value}
            for name, value in held(seen.object).items()
        ),
        {"op": "replace", "path": "/spec/template", "value": wanted.template},
    ]
    return Write(Sent("PATCH", place.path, steps, JSON_PATCH), place.attempt("patch"), seen.object)


def _other_version(seen: Seen, version: str) -> Wanted:
    place = seen.place
    images = images_with(seen.object, version)
    if isinstance(images, str):
        return NoChange(f"The {place.said} {images}.")
    before = only_version(seen.object)
    if before == version:
        return NoChange(f"The {place.said} runs {version} already.", already=True)
    write = _patch(seen, {"spec": {"template": {"spec": {"containers": images}}}}, STRATEGIC)
    back = Inverse("set_version", {**_named(place), "version": before}) if before else "It had no version."
    return Change((write,), f"run {version} instead of {before or 'no version'} in {place.said}", back)


def _cordoned(seen: Seen, cordoned: bool) -> Wanted:
    place = seen.place
    if bool(seen.object["spec"].get("unschedulable")) is cordoned:
        state = "takes no new pods" if cordoned else "takes new pods"
        return NoChange(f"The {place.said} {state} already.", already=True)
    back = Inverse("uncordon" if cordoned else "cordon", {"node": place.name})
    said = f"let {place.said} take {'no new pods' if cordoned else 'new pods again'}"
    return Change((_patch(seen, {"spec": {"unschedulable": cordoned}}),), said, back)


def _drained(seen: Seen) -> Wanted:
    """Cordoned first; then every pod is asked to leave, which its disruption budget may refuse.

    Nothing is asked to leave that would not come back elsewhere.
    """
    place = seen.place
    lost = [pod["metadata"]["name"] for pod in seen.beside if not _made_again(pod)]
    if lost:
        named = listed(at_most(lost, MOST_NAMED))
        why = f"On {place.name} nothing would make {named} again: delete what may be lost, and ask once more."
        return NoChange(why)
    cordon = _patch(seen, {"spec": {"unschedulable": True}})
    evictions = tuple(_eviction(pod) for pod in seen.beside)
    if bool(seen.object["spec"].get("unschedulable")) and not evictions:
        return NoChange(f"The {place.said} is empty already.", already=True)
    said = f"empty {place.said}: {_leaving(seen.beside)}"
    if seen.object["spec"].get("unschedulable"):
        return Change((cordon, *evictions), said, "The node took no new pods before, either.")
    return Change((cordon, *evictions), said, Inverse("uncordon", {"node": place.name}))


def _made_again(pod: Object) -> bool:
    return any(owner.get("controller") for owner in pod["metadata"].get("ownerReferences") or ())


def _leaving(pods: Sequence[Object]) -> str:
    """How many, and what of them is lost with the node's own disk."""
    moving = f"{len(pods)} {'pod has' if len(pods) == 1 else 'pods have'} to move"
    local = sum(any("emptyDir" in each for each in pod["spec"].get("volumes") or ()) for pod in pods)
    if not local:
        return moving
    return f"{moving}, {local} of which {'loses' if local == 1 else 'lose'} files of this node"


def _eviction(pod: Object) -> Write:
    metadata = pod["metadata"]
    place = Place("pod", metadata["namespace"], metadata["name"])
    body = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": place.name, "namespace": place.namespace},
        "deleteOptions": {"preconditions": {"uid": metadata["uid"]}},
    }
    return Write(Sent("POST", f"{place.path}/eviction", body), place.attempt("create", "eviction"), pod)


def _deleted(seen: Seen) -> Wanted:
    said = f"delete {seen.place.said}"
    return Change((_deletion(seen),), said, "What is deleted cannot be brought back.")


def _deletion(seen: Seen) -> Write:
    place = seen.place
    body = {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "propagationPolicy": "Background",
        "preconditions": held(seen.object),
    }
    return Write(Sent("DELETE", place.path, body), place.attempt("delete"), seen.object)


def _patch(seen: Seen, content: Mapping[str, Any], kind: str = MERGE) -> Write:
    place = seen.place
    body = {**content, "metadata": held(seen.object)}
    return Write(Sent("PATCH", place.path, body, kind), place.attempt("patch"), seen.object)


def _named(place: Place) -> dict[str, str]:
    return {"name": place.name, "namespace": place.namespace}


CHANGES: Mapping[str, Callable[[Seen, Mapping[str, Any], str], Wanted]] = {
    "scale": lambda seen, values, _: _scaled(seen, int(values["replicas"])),
    "restart": lambda seen, _, moment: _restarted(seen, moment),
    "pause_rollout": lambda seen, *_: _paused(seen, True),
    "resume_rollout": lambda seen, *_: _paused(seen, False),
    "undo_rollout": lambda seen, values, _: _gone_back(seen, values.get("revision")),
    "set_version": lambda seen, values, _: _other_version(seen, str(values["version"])),
    "cordon": lambda seen, *_: _cordoned(seen, True),
    "uncordon": lambda seen, *_: _cordoned(seen, False),
    "drain": lambda seen, *_: _drained(seen),
    "delete_pod": lambda seen, *_: _deleted(seen),
    "delete_deployment": lambda seen, *_: _deleted(seen),
    "delete_job": lambda seen, *_: _deleted(seen),
}
