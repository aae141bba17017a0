"""Remembers what was said lately, so that a reply heard before costs nothing."""

import threading
from collections import OrderedDict
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from voice_api.speech.protocol import Speaker, Voice

DEFAULT_CAPACITY_BYTES = 8_000_000
"""About three minutes of espeak-ng's sound."""

Key = tuple[str, str | None, float]


class CachedSpeaker:
    """A Speaker in front of another one; keeps whole utterances, the least lately used go first."""

    def __init__(self, speaker: Speaker, capacity_bytes: int = DEFAULT_CAPACITY_BYTES) -> None:
        self._speaker = speaker
        self._capacity_bytes = capacity_bytes
        self._lock = threading.Lock()
        self._kept: OrderedDict[Key, tuple[NDArray[np.int16], ...]] = OrderedDict()
        self._kept_bytes = 0

    @property
    def name(self) -> str:
        return self._speaker.name

    @property
    def sample_rate(self) -> int:
        return self._speaker.sample_rate

    @property
    def kept_bytes(self) -> int:
        return self._kept_bytes

    def voices(self) -> tuple[Voice, ...]:
        return self._speaker.voices()

    def speak(self, text: str, voice: str | None, speed: float) -> Iterator[NDArray[np.int16]]:
        """As the speaker behind it; an utterance is kept once its last piece was taken."""
        key = (text, voice, speed)
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None:
                self._kept.move_to_end(key)
        return iter(kept) if kept is not None else self._spoken(key, self._speaker.speak(text, voice, speed))

    def _spoken(self, key: Key, pieces: Iterator[NDArray[np.int16]]) -> Iterator[NDArray[np.int16]]:
        taken: list[NDArray[np.int16]] = []
        size = 0
        for piece in pieces:
            size += piece.nbytes
            if size <= self._capacity_bytes:
                piece.setflags(write=False)
                taken.append(piece)
            yield piece
        if size <= self._capacity_bytes:
            self._keep(key, tuple(taken), size)

    def _keep(self, key: Key, pieces: tuple[NDArray[np.int16], ...], size: int) -> None:
        with self._lock:
            if key in self._kept:
                return
            self._kept[key] = pieces
            self._kept_bytes += size
            while self._kept_bytes > self._capacity_bytes:
                _, forgotten = self._kept.popitem(last=False)
                self._kept_bytes -= sum(piece.nbytes for piece in forgotten)
