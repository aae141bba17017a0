"""JSON schemas of functions, flat enough for every server of a language model, and what would break one."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic.fields import FieldInfo

from voice_api.commands.registry.declaring import Function
from voice_api.commands.registry.fields import kind_of

# What llama.cpp's grammar compiler refuses, drops in silence or crashes of (voice-operations 5.2).
BREAKING = ("$ref", "$defs", "anyOf", "oneOf", "allOf", "not", "pattern", "minLength", "maxLength", "format",
            "patternProperties", "if", "default")  # fmt: skip
TYPES: Mapping[type, str] = {str: "string", int: "integer", bool: "boolean"}
DESCRIPTION_CHARACTERS = 120
PLAIN = re.compile(r"[A-Za-z0-9 ,.;:'-]*")
NAME = re.compile(r"[a-z][a-z_]{0,40}")


def tool(function: Function) -> dict[str, Any]:
    """The function as the tools API of a language model wants it; required arguments come first."""
    fields = function.arguments.model_fields
    ordered = sorted(fields, key=lambda name: not fields[name].is_required())
    parameters = {
        "type": "object",
        "properties": {name: _property(fields[name]) for name in ordered},
        "required": [name for name in ordered if fields[name].is_required()],
        "additionalProperties": False,
    }
    described = {"name": function.name, "description": function.purpose, "parameters": parameters}
    return {"type": "function", "function": described}


def _property(field: FieldInfo) -> dict[str, Any]:
    kind = kind_of(field)
    described = {"description": field.description} if field.description else {}
    if kind.choices:
        return {"type": "string", "enum": list(kind.choices), **described}
    known = TYPES.get(kind.plain) if isinstance(kind.plain, type) else None
    return {"type": known or f"not said flatly: {kind.plain}", **described}


def lint(described: Mapping[str, Any]) -> tuple[str, ...]:
    """What in a tool would break a server of a language model; empty where nothing does."""
    function = described["function"]
    return tuple(f"{function['name']}: {finding}" for finding in _findings(function))


def _findings(function: Mapping[str, Any]) -> Iterator[str]:
    parameters = function["parameters"]
    properties = parameters["properties"]
    yield from (f"{word} is not understood by every server" for word in BREAKING if _holds(parameters, word))
    if parameters.get("additionalProperties") is not False:
        yield "additionalProperties has to be false"
    if list(properties)[: len(parameters["required"])] != parameters["required"]:
        yield "required arguments have to come first"
    yield from (f"{name} is no plain name" for name in (function["name"], *properties) if not _named(name))
    for name, each in properties.items():
        if each.get("type") not in {"string", "integer", "boolean"}:
            yield f"{name} is neither text, a number nor a switch"
        yield from _spoken(name, each.get("description", ""))
    yield from _spoken("the purpose", function["description"])


def _named(name: str) -> bool:
    return NAME.fullmatch(name) is not None


def _spoken(what: str, text: str) -> Iterator[str]:
    if len(text) > DESCRIPTION_CHARACTERS or not PLAIN.fullmatch(text):
        yield f"{what} is not described in a few plain words"


def _holds(part: object, word: str) -> bool:
    match part:
        case Mapping():
            return word in part or any(_holds(each, word) for each in part.values())
        case list():
            return any(_holds(each, word) for each in part)
        case _:
            return False
