"""What one turn of a conversation came to, before it is a reply."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from voice_api.commands.registry.declaring import Call
from voice_api.errors import VoiceApiError

Status: TypeAlias = Literal[
    "SUCCESS", "ERROR", "NEEDS_CLARIFICATION", "REQUIRES_CONFIRMATION", "PERMISSION_DENIED"
]


@dataclass(frozen=True, slots=True)
class Intent:
    """What was understood: a function, its arguments as they were used, and who understood it."""

    name: str
    arguments: Mapping[str, object]
    source: str = "grammar"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One sentence or a few to be spoken, and the same for programs."""

    status: Status
    reply: str
    data: Mapping[str, object] = field(default_factory=dict)
    intent: Intent | None = None


def intent_of(call: Call, source: str = "grammar") -> Intent:
    return Intent(call.function.name, call.values, source)


def failed(error: VoiceApiError, intent: Intent | None = None) -> Outcome:
    failure = {"code": error.code, "message": error.message, "fix": error.fix}
    return Outcome("ERROR", error.message, {"error": failure}, intent)


def denied(code: str, why: str, fix: str, intent: Intent | None = None) -> Outcome:
    return Outcome("PERMISSION_DENIED", why, {"error": {"code": code, "message": why, "fix": fix}}, intent)
