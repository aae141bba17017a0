"""Reads what a language model proposes: exactly one call of a function it was offered, or nothing."""

import json
from collections.abc import Mapping
from typing import Any

from voice_api.commands.registry.declaring import Call, Function, NoCall, validated

MOST_CHARACTERS = 4_000


def proposed(message: object, offered: Mapping[str, Function]) -> Call | NoCall:
    """The call in a message of the chat API (arguments as JSON text or as an object); never raises.

    Text is never read as a call, whatever it looks like: a model that prints one has not made one.
    """
    if not isinstance(message, Mapping):
        return NoCall("the reply is no message")
    calls = message.get("tool_calls")
    if not isinstance(calls, list) or not calls:
        return NoCall("the reply calls no function")
    if len(calls) > 1:
        return NoCall("the reply calls several functions")
    called = calls[0].get("function") if isinstance(calls[0], Mapping) else None
    if not isinstance(called, Mapping) or not isinstance(called.get("name"), str):
        return NoCall("the reply names no function")
    arguments = _arguments(called.get("arguments"))
    if arguments is None:
        return NoCall("the arguments are no object")
    return validated(offered, called["name"], arguments)


def _arguments(given: object) -> dict[str, Any] | None:
    if isinstance(given, str):
        if len(given) > MOST_CHARACTERS:
            return None
        try:
            given = json.loads(given, object_pairs_hook=_once)
        except (ValueError, RecursionError):
            return None
    return dict(given) if isinstance(given, Mapping) else None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An argument that is given twice means two things."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an argument is given twice")
    return found
