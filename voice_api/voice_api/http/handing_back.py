"""What a talk elsewhere gives back to the session: its happenings, and sound that is to be answered here."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from voice_api.engines.engine import Happening
from voice_api.engines.talk import Talk
from voice_api.errors import VoiceApiError

Take = Callable[[NDArray[np.float32]], None]


@dataclass(frozen=True, slots=True)
class Handed:
    """Stands in the place of the local engine: gives the sound back to the session, which answers it."""

    take: Take
    over: threading.Event = field(default_factory=threading.Event)

    def send(self, samples: NDArray[np.float32]) -> None:
        self.take(samples)

    def happenings(self) -> Iterator[Happening]:
        self.over.wait()
        yield Happening("ended")

    def end(self) -> None:
        self.over.set()


@dataclass(frozen=True, slots=True)
class Here:
    """A Converser for the engine on this machine."""

    take: Take

    def converse(self, instructions: str) -> Handed:  # noqa: ARG002  who answers has its own
        return Handed(self.take)


def read(
    talk: Talk, loop: asyncio.AbstractEventLoop, told: "asyncio.Queue[Happening | VoiceApiError]"
) -> None:
    """Pass on what happens; Talk waits for it, and is read by one thread."""
    try:
        for happening in talk.happenings():
            loop.call_soon_threadsafe(told.put_nowait, happening)
    except VoiceApiError as error:
        loop.call_soon_threadsafe(told.put_nowait, error)
