"""Sound on its way to a client: bare samples of 16 bit at the rate that it wishes."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from soxr import ResampleStream

from voice_api.engines.speaking import Spoken


class Outflow:
    """Turns one stream of mono sound into another rate; the end of a piece may come with the next."""

    def __init__(self, rate: int, wanted: int) -> None:
        self._stream = None if rate == wanted else ResampleStream(rate, wanted, 1, dtype="int16")

    def feed(self, piece: NDArray[np.int16], *, last: bool = False) -> bytes:
        sound = piece if self._stream is None else self._stream.resample_chunk(piece, last=last)
        return np.asarray(sound, "<i2").tobytes()

    def end(self) -> bytes:
        """What is still held back."""
        return self.feed(np.empty(0, np.int16), last=True)


def pcm_at(rate: int, sound: Spoken) -> Iterator[bytes]:
    """Bare samples of 16 bit at another rate, piece by piece."""
    outflow = Outflow(sound.sample_rate, rate)
    for piece in sound.pieces:
        yield outflow.feed(piece)
    yield outflow.end()
