"""What a change came to, looked at until it is there or nobody wants to wait any longer."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from voice_api.cluster.connection import Connection
from voice_api.cluster.requests import Sent
from voice_api.commands.executing.looking import moving
from voice_api.commands.executing.objects import Object, Place, replicas_of
from voice_api.commands.wording import counted

FIRST_LOOK_SECONDS = 0.1
LONGEST_SECONDS = 2.0
ROLLED = frozenset({"scale", "restart", "undo_rollout", "set_version", "resume_rollout"})
DELETED = frozenset({"delete_pod", "delete_deployment", "delete_job"})


@dataclass(frozen=True, slots=True)
class Verified:
    """A sentence, the same as data, and whether there is nothing left to wait for."""

    said: str
    complete: bool
    data: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Follow:
    """How long to look, and on which clock."""

    seconds: float = 15.0
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


def followed(
    connection: Connection, function: str, place: Place, uid: str, *, how: Follow, wanted: Callable[[], bool]
) -> Verified:
    """Look until it is complete or not wanted any more, for `how.seconds` at most.

    VoiceApiError where it cannot be looked at.
    """
    until = how.clock() + how.seconds
    pause = FIRST_LOOK_SECONDS
    while True:
        verified = _looked(connection, function, place, uid)
        left = until - how.clock()
        if verified.complete or left <= 0 or not wanted():
            return verified
        how.sleep(min(pause, left))
        pause = min(pause * 2, LONGEST_SECONDS)


def _looked(connection: Connection, function: str, place: Place, uid: str) -> Verified:
    answer = connection.send(Sent("GET", place.path))
    if function in DELETED:
        return _deleted(place, answer.status, answer.content, uid)
    if answer.status != 200:
        return Verified(f"I cannot see {place.said} any more.", True)
    if function in ROLLED and replicas_of(answer.content) is not None:
        return _rolled(place, answer.content)
    if function == "drain":
        left = len(moving(connection, place.name))
        some = f"{place.name} takes no new pods; {counted(left, 'pods')} on it still have to leave."
        said = some if left else f"{place.name} is empty."
        return Verified(said, not left, {"left": left})
    return _settled(place, answer.content)


def _deleted(place: Place, status: int, found: Object, uid: str) -> Verified:
    if status == 404 or (status == 200 and found["metadata"]["uid"] != uid):
        return Verified(f"The {place.said} is gone.", True)
    return Verified(f"The {place.said} is being deleted.", False)


def _rolled(place: Place, found: Object) -> Verified:
    """Complete where as many are ready as are wanted, all of them of what is wanted now."""
    status: Mapping[str, Any] = found.get("status") or {}
    wanted, ready = replicas_of(found) or 0, int(status.get("readyReplicas", 0))
    observed = int(status.get("observedGeneration", 0)) >= int(found["metadata"].get("generation", 0))
    updated = int(status.get("updatedReplicas", 0)) >= wanted
    complete = observed and updated and ready == wanted == int(status.get("replicas", 0))
    data = {"wanted": wanted, "ready": ready, "complete": complete}
    if complete:
        said = f"{place.name} in {place.namespace} has {ready} of {wanted} replicas ready."
        return Verified(said, True, data)
    so_far = f"{place.name} in {place.namespace} has {ready} of {wanted} replicas ready so far."
    return Verified(so_far, False, data)


def _settled(place: Place, found: Object) -> Verified:
    if place.kind == "daemonset":
        return _on_nodes(place, found)
    spec = found.get("spec") or {}
    if place.kind == "node":
        closed = bool(spec.get("unschedulable"))
        return Verified(
            f"{place.name} takes {'no new pods' if closed else 'new pods'}.", True, {"closed": closed}
        )
    paused = bool(spec.get("paused"))
    state = "is paused" if paused else "goes on"
    return Verified(f"The rollout of {place.name} in {place.namespace} {state}.", True, {"paused": paused})


def _on_nodes(place: Place, found: Object) -> Verified:
    status: Mapping[str, Any] = found.get("status") or {}
    wanted, ready = int(status.get("desiredNumberScheduled", 0)), int(status.get("numberReady", 0))
    updated = int(status.get("updatedNumberScheduled", 0))
    observed = int(status.get("observedGeneration", 0)) >= int(found["metadata"].get("generation", 0))
    complete = observed and updated >= wanted and ready >= wanted
    said = f"{place.name} in {place.namespace} is ready on {ready} of {wanted} nodes"
    return Verified(
        f"{said}." if complete else f"{said} so far.", complete, {"wanted": wanted, "ready": ready}
    )
