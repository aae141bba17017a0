"""JSON-RPC 2.0 as the Model Context Protocol uses it: messages read, and messages made."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeGuard

Id: TypeAlias = str | int
Message: TypeAlias = dict[str, Any]

MOST_BYTES = 1_000_000
PARSE_ERROR, INVALID_REQUEST, NO_METHOD, INVALID_PARAMS = -32_700, -32_600, -32_601, -32_602


@dataclass(frozen=True, slots=True)
class Asked:
    """A request."""

    id: Id
    method: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Told:
    """A notification: nobody waits for a reply."""

    method: str


@dataclass(frozen=True, slots=True)
class Replied:
    """The reply to a request of ours; None where it is an error."""

    id: Id
    result: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Wrong:
    """No message. `reply` is what is sent back."""

    reply: Message


Read: TypeAlias = Asked | Told | Replied | Wrong


def read(line: bytes) -> Read:
    """The message in `line`; never raises."""
    if len(line) > MOST_BYTES:
        return Wrong(error(None, INVALID_REQUEST, "the message is too long"))
    try:
        content = json.loads(line)
    except (ValueError, RecursionError):
        return Wrong(error(None, PARSE_ERROR, "the message is no JSON"))
    if not isinstance(content, dict) or content.get("jsonrpc") != "2.0":
        return Wrong(error(None, INVALID_REQUEST, "that is no message of JSON-RPC 2.0"))
    return _asked(content) if "method" in content else _replied(content)


def _asked(content: Message) -> Read:
    method, identifier, parameters = content["method"], content.get("id"), content.get("params", {})
    if not isinstance(method, str):
        return Wrong(error(None, INVALID_REQUEST, "method is no text"))
    if "id" not in content:
        return Told(method)
    if not _is_id(identifier):
        return Wrong(error(None, INVALID_REQUEST, "id is neither a text nor a whole number"))
    if not isinstance(parameters, dict):
        return Wrong(error(identifier, INVALID_PARAMS, "params is no object"))
    return Asked(identifier, method, parameters)


def _replied(content: Message) -> Read:
    identifier, answer = content.get("id"), content.get("result")
    if not _is_id(identifier) or ("result" in content) == ("error" in content):
        return Wrong(error(None, INVALID_REQUEST, "that is no request, notification or reply"))
    return Replied(identifier, answer if isinstance(answer, dict) else None)


def _is_id(value: object) -> TypeGuard[Id]:
    return isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool))


def request(identifier: Id, method: str, parameters: Mapping[str, Any]) -> Message:
    return {"jsonrpc": "2.0", "id": identifier, "method": method, "params": dict(parameters)}


def result(identifier: Id, content: Mapping[str, Any]) -> Message:
    return {"jsonrpc": "2.0", "id": identifier, "result": dict(content)}


def error(identifier: Id | None, code: int, message: str) -> Message:
    return {"jsonrpc": "2.0", "id": identifier, "error": {"code": code, "message": message}}
