"""Mono sound at another sample rate, piece by piece."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from soxr import ResampleStream

Sample = TypeVar("Sample", np.float32, np.int16)


def at_rate(
    pieces: Iterable[NDArray[Sample]], have: int, want: int, kind: type[Sample]
) -> Iterator[NDArray[Sample]]:
    """The same sound, whose samples are of `kind`; the last piece is what the filter still held."""
    if have == want:
        yield from pieces
        return
    stream = ResampleStream(have, want, 1, dtype=np.dtype(kind).name)
    for piece in pieces:
        yield np.asarray(stream.resample_chunk(piece), kind)
    yield np.asarray(stream.resample_chunk(np.empty(0, kind), last=True), kind)
