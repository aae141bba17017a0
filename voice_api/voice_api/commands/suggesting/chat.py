"""What is wanted of a language model: one message for one prompt, in time or not at all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

# Why there is no message: it is not there or broken, says nothing in time, is asked by somebody else, is left
# alone for a while after failures, or refuses what it is asked.
Reason: TypeAlias = Literal["down", "late", "busy", "resting", "refused"]
TOLD: Mapping[Reason, str] = {
    "down": "The language model does not answer.",
    "late": "The language model took too long.",
    "busy": "The language model is busy.",
    "resting": "The language model does not answer.",
    "refused": "The language model refuses to answer.",
}


@dataclass(frozen=True, slots=True)
class Silence:
    """There is no message."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is asked. With tools, one of them has to be called; without, nothing can be.

    system  the same for every prompt of its kind, and so are tools: servers keep what they made of them
    """

    system: str
    user: str
    tools: Sequence[Mapping[str, Any]] = ()


class Chat(Protocol):
    """Blocking, safe in several threads, and never raises."""

    @property
    def name(self) -> str:
        """Which model, for journals and people."""
        ...

    def message(self, prompt: Prompt, seconds: float) -> Mapping[str, Any] | Silence:
        """The message of the assistant as the server gave it, whatever is in it."""
        ...
