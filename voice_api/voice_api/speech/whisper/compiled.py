"""Compiled graphs, loaded and run: tables stay on disk until looked at."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voice_api.speech.runtime import gives_memory_back, onnxruntime, open_session
from voice_api.speech.whisper.compilation import read_compilation
from voice_api.speech.whisper.compiled_position import Scorer
from voice_api.speech.whisper.compiled_room import STEP, Buffer, Room, Rows, Shape
from voice_api.speech.whisper.config import Architecture
from voice_api.speech.whisper.scores import Position
from voice_api.speech.whisper.sessions import HeardAt, OpenGraph, load

Values = NDArray[np.float32]
Heard = Mapping[str, Any]
"""What a compiled encoder gives a decoder: onnxruntime values by name, cross.{layer}.{key|value}."""

MOST_SPARE_ROOMS = 2
"""Kept for the next windows: one for each lane of the service."""


class CompiledEncoder:
    """features [1, bins, frames], an even number of them, to the keys and values of the decoder."""

    any_length = True

    def __init__(self, folder: Path, threads: int, open_graph: OpenGraph = open_session) -> None:
        self._session = load(folder / "encoder.onnx", threads, open_graph)
        self._shapes = {entry.name: entry.shape for entry in self._session.get_outputs()}
        self._options = gives_memory_back()

    def run(self, features: Values) -> Heard:
        """Results in room of their own: what the session allots it keeps until the next sound."""
        value = onnxruntime.OrtValue
        positions = features.shape[-1] // 2
        heard = {
            name: value.ortvalue_from_shape_and_type(_known(shape, positions), np.float32)
            for name, shape in self._shapes.items()
        }
        binding = self._session.io_binding()
        binding.bind_ortvalue_input("features", value.ortvalue_from_numpy(features))
        for name, room in heard.items():
            binding.bind_ortvalue_output(name, room)
        self._session.run_with_iobinding(binding, self._options)
        return heard


def _known(shape: Sequence[int | str], positions: int) -> list[int]:
    """A shape whose one name stands for the positions of the sound."""
    return [size if isinstance(size, int) else positions for size in shape]


class CompiledDecoder:
    """The graphs for prompt and steps, with the tables that they look up outside of them."""

    def __init__(
        self, folder: Path, architecture: Architecture, threads: int, open_graph: OpenGraph = open_session
    ) -> None:
        self.architecture = architecture
        self.compilation = read_compilation(folder)
        # To wake a thread costs more than a product of one row: only the scores of all tokens gain by it.
        self.session = load(folder / "decoder.onnx", 1, open_graph)
        self.scores = load(folder / "scores.onnx", threads, open_graph)
        self.tokens = _mapped(folder / "embedding.npy")
        self.positions = _mapped(folder / "positions.npy")
        kept = folder / "kept.npy"
        self.kept: NDArray[np.int64] | None = np.load(kept) if kept.exists() else None
        self.places = np.arange(architecture.max_target_positions)
        self.listening = sorted({layer for layer, _ in self.compilation.alignment_heads})
        self.tables = Buffer(self.tokens), Buffer(self.positions)
        within = np.float32(self.compilation.score_again_within)
        self.within = Buffer(np.array([within]))
        self.scorer = Scorer(self.tokens, self.kept, within)
        outputs = {entry.name: entry.shape for entry in self.scores.get_outputs()}
        self.scores_again = "listed_again" in outputs
        sizes = outputs["logits"][-1], outputs["listed"][-1]
        self._shape = Shape(architecture, *sizes, self.scores_again, tuple(self.listening))
        self._spare: list[Room] = []

    def begin(self, heard: Heard) -> "CompiledDecoding":
        try:
            room = self._spare.pop()
        except IndexError:
            room = Room(self._shape)
        return CompiledDecoding(self, heard, room)

    def take_back(self, room: Room) -> None:
        """For the next decoding: memory that was touched before needs no page faults."""
        if len(self._spare) < MOST_SPARE_ROOMS:
            self._spare.append(room)


class CompiledDecoding:
    """One window being decoded with a compiled graph; a Decoding."""

    def __init__(self, decoder: CompiledDecoder, heard: Heard, room: Room) -> None:
        self._decoder = decoder
        self._heard = heard
        self._room = room
        self._listening = self._ended = False
        self._binding = decoder.session.io_binding()
        self._scores = decoder.scores.io_binding()
        self._bind()
        self._length = 0
        self._memory: Mapping[str, Buffer] = {}
        self._rows = room.rows(STEP)
        self._bound: Rows | None = None
        self._positions: list[Position | None] = []
        self._one_by_one: Values | None = None
        self._queries = HeardAt()

    def listen(self) -> None:
        """Follow the alignment heads from the first tokens on."""
        self._listening = bool(self._decoder.listening)

    def take(self, tokens: NDArray[np.int64], wanted: Sequence[int] = (-1,)) -> None:
        """Take tokens [beams, count]; what is asked next is asked of the wanted ones of each."""
        beams, count = tokens.shape
        if not self._length:
            self._remember(beams, {})
        self._one_by_one = None
        if beams > 1 and count > 1 and self._length:  # the operator takes several tokens of one beam only
            self._take_one_by_one(tokens, wanted)
            return
        rows = self._rows_for(beams, count, tuple(wanted))
        end = self._length + count
        rows.tokens.array.reshape(beams, count)[:] = tokens
        rows.places.array.reshape(beams, count)[:] = self._decoder.places[self._length : end]
        rows.ends.array[:] = end - 1
        rows.total.array[()] = self._length = end
        self._decoder.session.run_with_iobinding(self._binding)
        self._decoder.scores.run_with_iobinding(self._scores)
        self._positions = [None] * (beams * len(wanted))
        if self._listening:
            self._listen(rows)

    def position(self, row: int) -> Position | None:
        """What the graph tells of one of the rows [beams * len(wanted)] taken last."""
        if self._one_by_one is not None:
            return None
        found = self._positions[row]
        if found is None:
            found = self._positions[row] = self._decoder.scorer.position(self._rows, row)
        return found

    def logits(self) -> Values:
        """[beams, wanted, vocabulary] of the tokens taken last; those left out of a folder at -inf."""
        if self._one_by_one is not None:
            return self._one_by_one
        beams, _, wanted = self._rows.kind
        for row in range(len(self._positions)):
            self.position(row)  # which scores tokens again
        logits = self._rows.logits.array.reshape(beams, len(wanted), -1)
        if self._decoder.kept is None:
            return logits
        whole = np.full((*logits.shape[:2], self._decoder.architecture.vocab_size), -np.inf, np.float32)
        whole[..., self._decoder.kept] = logits
        return whole

    def feed(self, tokens: NDArray[np.int64], wanted: Sequence[int] = (-1,)) -> Values:
        """The logits after tokens [beams, count]."""
        self.take(tokens, wanted)
        return self.logits()

    def keep(self, beams: Sequence[int]) -> None:
        """Go on with these beams, in this order."""
        chosen = list(beams)
        if chosen != list(range(self._beams)):
            self._remember(
                len(chosen),
                {name: past.array[chosen, :, : self._length] for name, past in self._memory.items()},
            )
        self._queries.keep(chosen)

    def attention(self) -> Values | None:
        """[heads, tokens taken, encoder positions], of the first beam; None where no head is followed."""
        if not self._listening:
            return None
        queries = self._queries.of_first_beam()
        listening = self._decoder.listening
        return np.stack(
            [
                self._one_head(queries[listening.index(layer)], layer, head)
                for layer, head in self._decoder.compilation.alignment_heads
            ]
        )

    def end(self) -> None:
        """Nothing more will be asked: the next decoding works in the same buffers."""
        if not self._ended:
            self._ended = True
            self._decoder.take_back(self._room)

    @property
    def states(self) -> Values:
        """What the logits of the tokens taken last were computed from, [beams * wanted, width]."""
        return np.asarray(self._rows.states.array[0])

    @property
    def _beams(self) -> int:
        return next(iter(self._memory.values())).array.shape[0] if self._memory else 1

    def _bind(self) -> None:
        """Bind what stays the same for the whole decoding."""
        table, positions = self._decoder.tables
        self._binding.bind_ortvalue_input("table", table.value)
        self._binding.bind_ortvalue_input("positions", positions.value)
        for name, value in self._heard.items():
            self._binding.bind_ortvalue_input(name, value)
        if self._decoder.scores_again:
            self._scores.bind_ortvalue_input("table", table.value)
            self._scores.bind_ortvalue_input("within", self._decoder.within.value)

    def _one_head(self, queries: Values, layer: int, head: int) -> Values:
        """Softmax over the sound of queries [tokens, width] that come scaled, as the graph has it inside."""
        size = self._decoder.architecture.head_size
        keys = self._heard[f"cross.{layer}.key"].numpy()[0, head]
        scores = queries[:, head * size : (head + 1) * size] @ keys.T
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        return np.asarray(weights / weights.sum(axis=-1, keepdims=True), dtype=np.float32)

    def _take_one_by_one(self, tokens: NDArray[np.int64], wanted: Sequence[int]) -> None:
        logits = [self.feed(tokens[:, [place]]).copy() for place in range(tokens.shape[1])]
        self._one_by_one = np.concatenate([logits[place] for place in wanted], axis=1)

    def _remember(self, beams: int, past: Mapping[str, Values]) -> None:
        """Room for every token of so many beams, and what they remember already."""
        memory = self._room.memory(beams)
        if memory is not self._memory:
            self._memory = memory
            for name, room in memory.items():
                self._binding.bind_ortvalue_input(name, room.value)
                self._binding.bind_ortvalue_output(f"new.{name}", room.value)
        for name, values in past.items():
            memory[name].array[:, :, : self._length] = values

    def _rows_for(self, beams: int, count: int, wanted: tuple[int, ...]) -> Rows:
        """Buffers for such a run, bound; the same as last time for every step."""
        kind = beams, count, wanted
        if self._bound is None or self._bound.kind != kind:
            self._rows = self._bound = self._room.rows(kind)
            self._bound.bind(self._binding, self._scores, self._listening)
        return self._bound

    def _listen(self, rows: Rows) -> None:
        """Keep what the alignment heads asked for, [beams, layers, tokens, width]."""
        beams, count, _ = rows.kind
        queries = [buffer.array.reshape(beams, count, -1) for buffer in rows.queries.values()]
        self._queries.add(np.stack(queries, axis=1))


def _mapped(table: Path) -> NDArray[Any]:
    """A table that stays on disk, as a plain array: a memmap's own indexing costs more than the rows."""
    return np.asarray(np.load(table, mmap_mode="r").view(np.ndarray))
