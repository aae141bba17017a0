"""Looks at what a call is about, as the user, and at what else the change of it needs."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from voice_api.cluster.connection import Connection
from voice_api.cluster.requests import Sent
from voice_api.commands.executing.changes import Seen
from voice_api.commands.executing.objects import Object, Place
from voice_api.commands.registry.declaring import Call
from voice_api.errors import VoiceApiError

KINDS = {"delete_pod": "pod", "delete_deployment": "deployment", "delete_job": "job",
         "pause_rollout": "deployment", "resume_rollout": "deployment"}  # fmt: skip
HOME = "default"
FINISHED = frozenset({"Succeeded", "Failed"})
MIRROR = "kubernetes.io/config.mirror"


def place_of(call: Call) -> Place:
    """The object that a call names; without a word about its kind it is a deployment."""
    values = call.values
    if "node" in values:
        return Place("node", "", str(values["node"]))
    name = call.function.name
    kind = KINDS.get(name) or call.kinds.get("name", "deployment")
    return Place(kind, str(values.get("namespace", HOME)), str(values["name"]))


def seen(connection: Connection, call: Call) -> Seen:
    """The object as it is now; VoiceApiError not_found or cluster_forbidden where there is none to see."""
    place = place_of(call)
    found = object_at(connection, place)
    return Seen(place, found, _beside(connection, call.function.name, place, found))


def object_at(connection: Connection, place: Place) -> Object:
    answer = connection.send(Sent("GET", place.path))
    if answer.status != 200:
        raise refused(answer.status, place)
    return answer.content


def refused(status: int, place: Place) -> VoiceApiError:
    if status == 404:
        fix = "Say which objects there are, and ask again."
        return VoiceApiError("not_found", f"There is no {place.said}.", fix, 404)
    if status in {401, 403}:
        fix = "Ask whoever looks after the cluster for the right to see it."
        return VoiceApiError("cluster_forbidden", f"The cluster does not let you see {place.said}.", fix, 403)
    message = f"The cluster answered with status {status} when asked for {place.said}."
    return VoiceApiError("cluster_failed", message, "Check the API server; trying again may help.", 502)


def _beside(connection: Connection, function: str, place: Place, found: Object) -> tuple[Object, ...]:
    if function == "undo_rollout":
        kind = "replicasets" if place.kind == "deployment" else "controllerrevisions"
        return connection.items(f"{place.beside}/{kind}", f"{kind} in {place.namespace}", dict)
    if function == "drain":
        return moving(connection, found["metadata"]["name"])
    return ()


def moving(connection: Connection, node: str) -> tuple[Object, ...]:
    """The pods that a drain of this node has to move, those that are on their way included."""
    on_it = f"/api/v1/pods?{urlencode({'fieldSelector': f'spec.nodeName={node}'})}"
    pods = connection.items(on_it, "pods", dict)
    return tuple(sorted((pod for pod in pods if _moves(pod)), key=_by_name))


def _by_name(pod: Object) -> tuple[str, str]:
    return pod["metadata"]["namespace"], pod["metadata"]["name"]


def _moves(pod: Object) -> bool:
    """Whether a drain has to move it: not what a daemon set keeps there, nor what has ended."""
    metadata: Mapping[str, Any] = pod["metadata"]
    owners = metadata.get("ownerReferences") or ()
    kept = any(owner.get("kind") == "DaemonSet" for owner in owners if owner.get("controller"))
    mirrored = MIRROR in (metadata.get("annotations") or {})
    return not (kept or mirrored or (pod.get("status") or {}).get("phase") in FINISHED)
