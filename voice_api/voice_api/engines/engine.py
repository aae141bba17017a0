"""What an engine is: what it can do, what it costs, and whether sound leaves this machine for it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, Decimal
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from voice_api.engines.loop import nothing
from voice_api.speech.protocol import Listener, Speaker
from voice_api.usage.amounts import Amounts

Task = Literal["listen", "speak", "converse"]
FREE = Decimal(0)


@dataclass(frozen=True, slots=True)
class Price:
    """What an engine costs, in euros."""

    minute: Decimal = FREE
    thousand_characters: Decimal = FREE
    request: Decimal = FREE

    def amounts(self, milliseconds: int = 0, characters: int = 0) -> Amounts:
        """What one request comes to; parts of a millionth of a euro are rounded up."""
        sound = self.minute * milliseconds / 60_000
        text = self.thousand_characters * characters / 1_000
        euros = (self.request + sound + text) * 1_000_000
        return Amounts(1, milliseconds, characters, int(euros.to_integral_value(ROUND_CEILING)))


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happened in a conversation.

    what      heard and said have `text`, sound has `samples` of `sample_rate`; answered comes after all
              that answers one turn; engine is another engine that goes on, its name is the `text`;
              ended comes last, once
    emotions  scores by name, as the engine tells them; they are passed on and never acted on
    """

    what: Literal["heard", "said", "sound", "answered", "interrupted", "engine", "ended"]
    text: str = ""
    samples: NDArray[np.int16] | None = None
    sample_rate: int = 0
    emotions: Mapping[str, float] = field(default_factory=dict)


class Conversation(Protocol):
    """Sound both ways, until somebody ends it; used by one thread that sends and one that reads.

    Reading raises EngineFailedError once the engine does not go on; sending only where it takes nothing more.
    """

    def send(self, samples: NDArray[np.float32]) -> None:
        """Mono sound of SAMPLE_RATE, amplitude -1 to 1, as it is said, pauses too."""
        ...

    def happenings(self) -> Iterator[Happening]:
        """What happens, until it has ended."""
        ...

    def end(self) -> None:
        """Nothing more is said; who reads is told. May be called by anybody, any number of times."""
        ...


class Converser(Protocol):
    """An engine that hears, thinks and speaks by itself."""

    def converse(self, instructions: str) -> Conversation:
        """EngineFailedError where it does not begin in time."""
        ...


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine by its parts; what it can do follows from which of them are there.

    quality         the higher the better heard, as its user says; local is 0
    leaves_machine  whether what is said is sent to somebody else
    at_once         requests it takes at the same time; None is without a bound
    emotion         whether it tells how something was said
    close           ends its threads and connections
    """

    name: str
    listener: Listener | None = None
    speaker: Speaker | None = None
    converser: Converser | None = None
    price: Price = Price()
    quality: int = 0
    leaves_machine: bool = True
    at_once: int | None = None
    emotion: bool = False
    close: Callable[[], None] = nothing

    def can(self, task: Task) -> bool:
        parts = {"listen": self.listener, "speak": self.speaker, "converse": self.converser}
        return parts[task] is not None


LOCAL = "local"


def local_engine(listener: Listener, speaker: Speaker, converser: Converser | None = None) -> Engine:
    """The engine that is always there: it costs nothing and sends nothing anywhere."""
    return Engine(LOCAL, listener, speaker, converser, leaves_machine=False)
