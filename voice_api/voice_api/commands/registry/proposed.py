"""Reads what a language model proposes: exactly one call of a function it was offered, or nothing."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from voice_api.commands.registry.declaring import Call, Function, NoCall, validated

MOST_CHARACTERS = 4_000


@dataclass(frozen=True, slots=True)
class Called:
    """A function that was offered, with arguments that nobody has looked at yet."""

    function: Function
    arguments: Mapping[str, Any]


def proposed(message: object, offered: Mapping[str, Function]) -> Call | NoCall:
    """The call in a message of the chat API, validated; never raises."""
    read = called(message, offered)
    return read if isinstance(read, NoCall) else validated(offered, read.function.name, read.arguments)


def called(message: object, offered: Mapping[str, Function]) -> Called | NoCall:
    """What a message of the chat API calls (arguments as JSON text or as an object); never raises.

    Text is never read as a call, whatever it looks like: a model that prints one has not made one.
    """
    if not isinstance(message, Mapping):
        return NoCall("the reply is no message")
    calls = message.get("tool_calls")
    if not isinstance(calls, list) or not calls:
        return NoCall("the reply calls no function")
    if len(calls) > 1:
        return NoCall("the reply calls several functions")
    named = calls[0].get("function") if isinstance(calls[0], Mapping) else None
    if not isinstance(named, Mapping) or not isinstance(named.get("name"), str):
        return NoCall("the reply names no function")
    function = offered.get(named["name"])
    if function is None:
        return NoCall("there is no such function")
    arguments = _arguments(named.get("arguments"))
    return NoCall("the arguments are no object") if arguments is None else Called(function, arguments)


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
