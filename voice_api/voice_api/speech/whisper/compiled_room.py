"""The buffers that a decoding with compiled graphs works in, kept from one window for the next."""

from collections.abc import Mapping
from dataclasses import dataclass
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
        self.tokens = Buffer(np.zeros((1, rows), dtype=np.int64))
        self.places = Buffer(np.zeros((1, rows), dtype=np.int64))
        self.ends = Buffer(np.zeros(beams, dtype=np.int32))
        self.total = Buffer(np.zeros((), dtype=np.int32))
        self._given = {
            "tokens": self.tokens,
            "places": self.places,
            "grouping": Buffer(np.array([beams, count, -1], dtype=np.int64)),
            "ends": self.ends,
            "total": self.total,
            "wanted": Buffer((np.arange(beams)[:, np.newaxis] * count + places).reshape(-1)),
        }
        self.queries = {
            layer: Buffer(np.zeros((1, rows, width), dtype=np.float32)) for layer in shape.listening
        }
        self.states = Buffer(np.empty((1, results, width), dtype=np.float32))
        self.logits = Buffer(np.empty((1, results, shape.scored), dtype=np.float32))
        self.log_shares = Buffer(np.empty((1, results, shape.scored), dtype=np.float32))
        self.expected = Buffer(np.empty((1, results, 1, 1), dtype=np.float32))
        self.listed = Buffer(np.empty((1, results, shape.listed), dtype=np.int64))
        self.listed_logits = Buffer(np.empty((1, results, shape.listed), dtype=np.float32))
        self.listed_again = Buffer(np.empty((1, results, shape.listed, 1), dtype=np.float32))
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
            self._memory = {f"memory.{name}": Buffer(np.empty(shape, dtype=np.float32)) for name in names}
            self._beams = beams
        return self._memory
