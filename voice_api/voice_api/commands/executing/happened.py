"""Whether a write happened of which nobody said so: told by what is there now."""

from collections.abc import Mapping
from typing import Any

from voice_api.cluster.connection import Connection
from voice_api.cluster.requests import Sent
from voice_api.commands.executing.changes import JSON_PATCH, Change
from voice_api.commands.executing.objects import Object, Place

DIRECTIVE = "$patch"


def happened(connection: Connection, change: Change, place: Place, uid: str) -> bool:
    """Whether the object is as the first write wanted it; VoiceApiError where it cannot be looked at."""
    request = change.writes[0].request
    answer = connection.send(Sent("GET", place.path))
    here = answer.status == 200 and answer.content["metadata"]["uid"] == uid
    if request.method == "DELETE":
        return answer.status == 404 or not here or "deletionTimestamp" in answer.content["metadata"]
    return here and _holds(answer.content, _wanted(request))


def _wanted(request: Sent) -> Object:
    if request.kind == JSON_PATCH:
        return {"spec": {"template": request.body[-1]["value"]}}
    return {name: value for name, value in request.body.items() if name != "metadata"}


def _holds(found: Any, wanted: Any) -> bool:
    """Whether all that is wanted is there; lists of what has names are compared by the names."""
    match wanted:
        case Mapping():
            rest = {name: value for name, value in wanted.items() if name != DIRECTIVE}
            return isinstance(found, Mapping) and all(_holds(found.get(name), rest[name]) for name in rest)
        case list() if isinstance(found, list) and wanted and all("name" in each for each in wanted):
            named = {each.get("name"): each for each in found}
            return all(_holds(named.get(each["name"]), each) for each in wanted)
        case _:
            return bool(found == wanted)
