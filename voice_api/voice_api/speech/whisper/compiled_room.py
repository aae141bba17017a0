"""The buffers that a decoding with compiled graphs works in, kept from one window for the next."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from mmap import MADV_NOHUGEPAGE, MAP_ANONYMOUS, MAP_PRIVATE, mmap
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voice_api.speech.runtime import onnxruntime
from voice_api.speech.whisper.config import Architecture

Values = NDArray[np.float32]
Kind = tuple[int, int, tuple[int, ...]]
"""Beams, tokens of each, and which of them are wanted."""

STEP: Kind = (1, 1, (-1,))
"""What most runs are: one token more of one text."""

TOLD = ("logits", "log_shares", "expected", "listed", "listed_logits")
"""What every graph of scores gives."""

MOST_KINDS = 4
"""Kept at a time: a prompt and the steps after it, and those of a search for names."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What the sizes of buffers follow from.

    scored, listed  tokens that the graph scores, and the likeliest that it names
    again           it scores those near the best again
    listening       layers with alignment heads
    """

    architecture: Architecture
    scored: int
    listed: int
    again: bool
    listening: tuple[int, ...]


def in_pages(shape: tuple[int, ...], kind: type[np.generic] = np.float32) -> NDArray[Any]:
    """Zeros in pages of their own, which are in memory once they are written to.

    In the heap they would keep what is freed below them; and a short text writes a tenth of its room, where a
    huge page would be all of it.
    """
    count = math.prod(shape)
    pages = mmap(-1, count * np.dtype(kind).itemsize, flags=MAP_PRIVATE | MAP_ANONYMOUS)
    pages.madvise(MADV_NOHUGEPAGE)
    return np.frombuffer(pages, dtype=kind).reshape(shape)


class Buffer:
    """An array that onnxruntime reads and writes in place."""

    __slots__ = ("array", "value")

    def __init__(self, array: NDArray[Any]) -> None:
        self.array = array
        self.value = onnxruntime.OrtValue.ortvalue_from_numpy(array)


class Rows:
    """The buffers of runs of one kind."""

    def __init__(self, shape: Shape, kind: Kind) -> None:
        beams, count, wanted = self.kind = kind
        width, rows, results = shape.architecture.d_model, beams * count, beams * len(wanted)
        places = np.array([place % count for place in wanted], dtype=np.int64)
        self.tokens = Buffer(in_pages((1, rows), np.int64))
        self.places = Buffer(in_pages((1, rows), np.int64))
        self.ends = Buffer(in_pages((beams,), np.int32))
        self.total = Buffer(in_pages((), np.int32))
        self._given = {
            "tokens": self.tokens,
            "places": self.places,
            "grouping": Buffer(np.array([beams, count, -1], dtype=np.int64)),
            "ends": self.ends,
            "total": self.total,
            "wanted": Buffer((np.arange(beams)[:, np.newaxis] * count + places).reshape(-1)),
        }
        self.queries = {layer: Buffer(in_pages((1, rows, width))) for layer in shape.listening}
        self.states = Buffer(in_pages((1, results, width)))
        self.logits = Buffer(in_pages((1, results, shape.scored)))
        self.log_shares = Buffer(in_pages((1, results, shape.scored)))
        self.expected = Buffer(in_pages((1, results, 1, 1)))
        self.listed = Buffer(in_pages((1, results, shape.listed), np.int64))
        self.listed_logits = Buffer(in_pages((1, results, shape.listed)))
        self.listed_again = Buffer(in_pages((1, results, shape.listed, 1)))
        self._told = (*TOLD, "listed_again") if shape.again else TOLD

    def bind(self, binding: Any, scores: Any, listening: bool) -> None:
        for name, buffer in self._given.items():
            binding.bind_ortvalue_input(name, buffer.value)
        for layer, queries in self.queries.items() if listening else ():
            binding.bind_ortvalue_output(f"queries.{layer}", queries.value)
        binding.bind_ortvalue_output("states", self.states.value)
        scores.bind_ortvalue_input("states", self.states.value)
        for name in self._told:
            scores.bind_ortvalue_output(name, getattr(self, name).value)


class Room:
    """All that one decoding works in; it belongs to one at a time."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._rows: dict[Kind, Rows] = {}
        self._memory: dict[str, Buffer] = {}
        self._beams = 0

    def rows(self, kind: Kind) -> Rows:
        """Buffers for such a run."""
        found = self._rows.get(kind)
        if found is None:
            if len(self._rows) >= MOST_KINDS:
                self._rows.clear()
            found = self._rows[kind] = Rows(self._shape, kind)
        return found

    def memory(self, beams: int) -> Mapping[str, Buffer]:
        """Room for every token that so many beams can be fed; what is in it is whatever was."""
        if beams != self._beams:
            sizes = self._shape.architecture
            shape = (beams, sizes.decoder_attention_heads, sizes.max_target_positions, sizes.head_size)
            names = [f"{layer}.{part}" for layer in range(sizes.decoder_layers) for part in ("key", "value")]
            self._memory = {f"memory.{name}": Buffer(in_pages(shape)) for name in names}
            self._beams = beams
        return self._memory
