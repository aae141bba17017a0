"""Sends the requests of a change: once as a dry run, of which the difference is told, and once for real."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any
from urllib.parse import urlencode

from voice_api.cluster.access import UserAccess
from voice_api.cluster.requests import Sent
from voice_api.commands.conversation.executor import Preview
from voice_api.commands.executing.changes import Change, Inverse, Write
from voice_api.commands.executing.difference import difference
from voice_api.errors import VoiceApiError

FIELD_MANAGER = "kvx-voice"
CONFLICT = 409
BLOCKED = 429  # a disruption budget does not let a pod go now


def previewed(way: UserAccess, change: Change) -> Preview:
    """What the API server would make of it, admission and all."""
    lines = []
    for write in change.writes:
        answer = way.connection.send(_dry(write.request))
        if answer.status == BLOCKED and write.attempt.subresource == "eviction":
            lines.append(f"{_whose(write)} stays: its disruption budget does not let it go now")
            continue
        if answer.status >= 300:
            return Preview(answer.status, why=_why(answer.content))
        lines.append(_difference(write, answer.content))
    return Preview(200, change.said, "\n".join(line for line in lines if line))


def _difference(write: Write, after: Mapping[str, Any]) -> str:
    if write.request.method != "PATCH":
        verb = "delete" if write.request.method == "DELETE" else "evict"
        return f"{verb} {_whose(write)}"
    if write.attempt.subresource == "scale":
        return difference(write.before, {"spec": {"replicas": (after.get("spec") or {}).get("replicas", 0)}})
    return difference(write.before, after)


def _whose(write: Write) -> str:
    metadata = write.before["metadata"]
    return f"{metadata.get('namespace', '')}/{metadata['name']} ({metadata['uid']})"


def _dry(request: Sent) -> Sent:
    """The same, kept by nobody. With a body of options it is those that count, not the query."""
    if request.method == "DELETE":
        return replace(request, body={**request.body, "dryRun": ["All"]})
    query = {"dryRun": "All"} | ({"fieldManager": FIELD_MANAGER} if request.method == "PATCH" else {})
    return replace(request, path=f"{request.path}?{urlencode(query)}")


def _real(request: Sent, command: str) -> Sent:
    query = f"?{urlencode({'fieldManager': FIELD_MANAGER})}" if request.method == "PATCH" else ""
    return replace(request, path=f"{request.path}{query}", agent=command)


def _why(content: Mapping[str, Any]) -> str:
    """The API server's own words, cut short: an admission webhook may have put anything there."""
    return " ".join(str(content.get("message", "")).split())[:200]


def done(way: UserAccess, change: Change, command: str) -> Mapping[str, Any]:
    """Every request once. What was no success ends it; a pod that has gone or may not leave does not."""
    undo = asdict(change.inverse) if isinstance(change.inverse, Inverse) else change.inverse
    said = {"said": change.said, "undo": undo}
    for write in change.writes:
        try:
            answer = way.connection.send(_real(write.request, command))
        except VoiceApiError as error:
            return {**said, "status": None, "why": error.message}
        stays = write.attempt.subresource == "eviction" and answer.status in {404, CONFLICT, BLOCKED}
        if answer.status >= 300 and not stays:
            return {**said, "status": answer.status, "why": _why(answer.content)}
    return {**said, "status": 200}
