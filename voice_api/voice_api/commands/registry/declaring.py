"""The decorator that turns a class of arguments into a function that can be called by name."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from string import Formatter
from typing import Any, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from voice_api.commands.level import Environment, Level
from voice_api.errors import VoiceApiError

ROLES = ("viewer", "operator", "admin")
EVERYWHERE: frozenset[Environment] = frozenset({"development", "staging", "production"})
REPLY_WORDS = frozenset({"before", "after", "outcome", "where"})


class Confirmation(StrEnum):
    """What somebody has to say before a call is done, the least first."""

    NONE = "NONE"
    YES = "YES"
    NAME_OR_CODE = "NAME_OR_CODE"


# What a level asks for at least, and the least role that may call it.
ASKS = {
    Level.READ_ONLY: Confirmation.NONE,
    Level.WRITE_SAFE: Confirmation.YES,
    Level.DESTRUCTIVE: Confirmation.NAME_OR_CODE,
    Level.ADMIN_ONLY: Confirmation.NAME_OR_CODE,
}
LEAST_ROLE = {
    Level.READ_ONLY: "viewer",
    Level.WRITE_SAFE: "operator",
    Level.DESTRUCTIVE: "operator",
    Level.ADMIN_ONLY: "admin",
}


class Arguments(BaseModel):
    """Arguments of one call: of exactly these names and types, and never changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


@dataclass(frozen=True, slots=True)
class Function:
    """One thing that can be called. It does nothing by itself: it says what may be asked for.

    confirmation  what is asked for at least, on top of what the level of a call asks for
    reply         a template of one sentence, with the names of arguments and REPLY_WORDS
    """

    name: str
    purpose: str
    arguments: type[Arguments]
    level: Level
    roles: frozenset[str]
    environments: frozenset[Environment]
    confirmation: Confirmation
    reply: str


A = TypeVar("A", bound=type[Arguments])
Answer: TypeAlias = Callable[..., object]


class Registry:
    """Functions by name. What is not in it cannot be called, and nothing in it can change a cluster."""

    def __init__(self) -> None:
        self._functions: dict[str, Function] = {}
        self._answers: dict[str, Answer] = {}

    @property
    def functions(self) -> Mapping[str, Function]:
        return dict(self._functions)

    def function(
        self,
        level: Level,
        reply: str,
        *,
        roles: frozenset[str] | None = None,
        environments: frozenset[Environment] = EVERYWHERE,
        confirmation: Confirmation = Confirmation.NONE,
    ) -> Callable[[A], A]:
        """Declare the decorated class of arguments as a function, called as the class in snake_case.

        roles  who may call it at its own level; None is the least role of the level and those above
        """

        def declared(arguments: A) -> A:
            name = snake_case(arguments.__name__)
            purpose = " ".join((arguments.__doc__ or "").split())
            allowed = from_role(LEAST_ROLE.get(level, "nobody")) if roles is None else roles
            function = Function(name, purpose, arguments, level, allowed, environments, confirmation, reply)
            self._refuse_faulty(function)
            self._functions[name] = function
            return arguments

        return declared

    def answers(self, name: str) -> Callable[[Answer], Answer]:
        """Attach what answers a question. Only READ_ONLY functions can have an answer: see decision 22."""
        function = self._functions.get(name)
        if function is None or function.level is not Level.READ_ONLY:
            raise faulty(name, "only a registered READ_ONLY function can have an answer")

        def attached(answer: Answer) -> Answer:
            self._answers[name] = answer
            return answer

        return attached

    def answer(self, name: str) -> Answer | None:
        return self._answers.get(name)

    def _refuse_faulty(self, function: Function) -> None:
        if function.name in self._functions:
            raise faulty(function.name, "it is registered twice")
        if not function.purpose:
            raise faulty(function.name, "its class has no docstring")
        if function.level is Level.DENIED or not function.roles <= set(ROLES):
            raise faulty(function.name, "its level or roles do not exist")
        known = function.arguments.model_fields.keys() | REPLY_WORDS
        if unknown := placeholders(function.reply) - known:
            raise faulty(function.name, f"its reply names {', '.join(sorted(unknown))}, which it has not")


def from_role(least: str) -> frozenset[str]:
    """This role and all that may do more; none for a role that does not exist."""
    return frozenset(ROLES[ROLES.index(least) :]) if least in ROLES else frozenset()


def placeholders(template: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(template) if name is not None}


def snake_case(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def faulty(name: str, why: str) -> VoiceApiError:
    return VoiceApiError(
        "function_invalid", f"The function {name} cannot be used: {why}", "Correct its declaration", 500
    )


@dataclass(frozen=True, slots=True)
class Call:
    """A validated call: nothing but this can be judged, asked about or carried out.

    kinds  what kind of object the name in an argument was found to be: {"name": "statefulset"}
    """

    function: Function
    arguments: Arguments
    kinds: Mapping[str, str] = field(default_factory=dict)

    @property
    def values(self) -> dict[str, Any]:
        """The arguments as plain values, those without one left out."""
        return self.arguments.model_dump(mode="json", exclude_none=True)


@dataclass(frozen=True, slots=True)
class NoCall:
    """Why something that was proposed is no call."""

    why: str


def validated(functions: Mapping[str, Function], name: str, arguments: Mapping[str, object]) -> Call | NoCall:
    """The call that is meant; never a guess: no unknown name, no other type, nothing left over."""
    function = functions.get(name)
    if function is None:
        return NoCall("there is no such function")
    try:
        return Call(function, function.arguments.model_validate(dict(arguments)))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"])[:60]
        return NoCall(f"{function.name}: {place}: {first['type']}")
