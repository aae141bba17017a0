"""Speaks with the engine that is wished, and with the local one from where that one fails."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from voice_api.engines.asking import Asking, Ways, Wish, now_milliseconds
from voice_api.engines.choice import Answered
from voice_api.engines.engine import LOCAL, Engine
from voice_api.engines.gate import Gate
from voice_api.engines.sounds import at_rate
from voice_api.engines.spending import Purchase
from voice_api.speech.protocol import Speaker
from voice_api.speech.speakers.sentences import sentences
from voice_api.usage.ledger import Ledger

LONGEST_PART = 240
"""Characters asked for at a time: soon made, so that a failure is known before its sound is missed."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """Sound while it is made."""

    sample_rate: int
    pieces: Iterator[NDArray[np.int16]]


@dataclass(frozen=True, slots=True)
class Speaking:
    """Fields as Asking's."""

    engines: Sequence[Engine]
    ledger: Ledger
    gates: Mapping[str, Gate]
    local_only: bool = False
    clock: Callable[[], int] = now_milliseconds

    def speak(
        self,
        text: str,
        voice: str | None,
        speed: float,
        wish: Wish,
        tell: Callable[[Answered], None] = lambda _: None,
    ) -> tuple[Spoken, Answered]:
        """Once the first part is there; `tell` is called when another engine speaks the rest.

        VoiceApiError 429 or 503 where the caller insists, at once or, for the rest, while it is read.
        """
        asking = Asking(self.engines, self.ledger, self.gates, self.local_only, self.clock)
        way = _Way(asking, voice, speed)
        parts = _parts(text) or [text]
        spoken, answered = way.spoken(parts, 0, wish)
        if answered.engine == LOCAL:
            return spoken, answered
        rest = way.rest(parts, wish, spoken, tell)
        return Spoken(spoken.sample_rate, rest), answered


@dataclass(frozen=True, slots=True)
class _Way:
    asking: Asking
    voice: str | None
    speed: float

    def spoken(self, parts: Sequence[str], at: int, wish: Wish) -> tuple[Spoken, Answered]:
        """One part by an engine that costs, or all the rest by the local one."""
        part = parts[at]

        def purchase(engine: Engine) -> Purchase[Spoken]:
            amounts = engine.price.amounts(characters=len(part))
            return Purchase(engine, amounts, lambda: self._by(engine, part), lambda _: amounts)

        ways = Ways("speak", lambda _: True, purchase, lambda local: self._by(local, " ".join(parts[at:])))
        return self.asking.ask(ways, replace(wish, idempotency_key=f"{wish.idempotency_key}/{at}"))

    def rest(
        self, parts: Sequence[str], wish: Wish, first: Spoken, tell: Callable[[Answered], None]
    ) -> Iterator[NDArray[np.int16]]:
        yield from first.pieces
        for at in range(1, len(parts)):
            spoken, answered = self.spoken(parts, at, wish)
            if answered.engine == LOCAL:
                tell(answered)
            for piece in spoken.pieces:
                yield at_rate(piece, spoken.sample_rate, first.sample_rate)
            if answered.engine == LOCAL:
                return

    def _by(self, engine: Engine, text: str) -> Spoken:
        speaker = _speaker(engine)
        return Spoken(speaker.sample_rate, speaker.speak(text, self.voice, self.speed))


def _parts(text: str) -> list[str]:
    """Whole sentences together as far as they go into one part."""
    parts: list[str] = []
    for sentence in sentences(text):
        if parts and len(parts[-1]) + 1 + len(sentence) <= LONGEST_PART:
            parts[-1] = f"{parts[-1]} {sentence}"
        else:
            parts.append(sentence)
    return parts


def _speaker(engine: Engine) -> Speaker:
    assert engine.speaker is not None, "only engines that speak are chosen"  # noqa: S101  for the types
    return engine.speaker
