"""Compiled graphs, loaded and run: buffers that are reused, tables that stay on disk until looked at."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voice_api.speech.runtime import gives_memory_back, onnxruntime, open_session
from voice_api.speech.whisper.compilation import read_compilation
from voice_api.speech.whisper.config import Architecture
from voice_api.speech.whisper.sessions import HeardAt, OpenGraph, load

Values = NDArray[np.float32]
Heard = Mapping[str, Any]
"""What a compiled encoder gives a decoder: onnxruntime values by name, cross.{layer}.{key|value}."""

MOST_SCORED_AGAIN = 64
"""Tokens whose scores are computed again at most: more than that are never near the best in speech."""


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
    """The graph for prompt and steps, with the tables that are looked up outside of it."""

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
        self.listening = sorted({layer for layer, _ in self.compilation.alignment_heads})

    def begin(self, heard: Heard) -> "CompiledDecoding":
        return CompiledDecoding(self, heard)

    def score_again(self, states: Values, logits: Values) -> None:
        """Replace the scores near the best, [rows, kept tokens], by those of the half precision table."""
        within = self.compilation.score_again_within
        for state, row in zip(states, logits, strict=True):
            near = np.flatnonzero(row > row.max() - within)
            if near.size > MOST_SCORED_AGAIN:
                near = near[np.argpartition(row[near], -MOST_SCORED_AGAIN)[-MOST_SCORED_AGAIN:]]
            tokens = near if self.kept is None else self.kept[near]
            row[near] = self.tokens[tokens].astype(np.float32) @ state


class CompiledDecoding:
    """One window being decoded with a compiled graph; a Decoding."""

    def __init__(self, decoder: CompiledDecoder, heard: Heard) -> None:
        self._decoder = decoder
        self._heard = heard
        self._binding = decoder.session.io_binding()
        self._scores = decoder.scores.io_binding()
        for name, value in heard.items():
            self._binding.bind_ortvalue_input(name, value)
        self._length = 0
        self._memory: dict[str, Values] = {}
        self._rows = _Rows(decoder, 0, 0, ())
        self._queries = HeardAt()

    def feed(self, tokens: NDArray[np.int64], wanted: Sequence[int] = (-1,)) -> Values:
        """The logits [beams, len(wanted), vocabulary] after tokens [beams, count]."""
        beams, count = tokens.shape
        if not self._length:
            self._remember(beams, {})
        if beams > 1 and count > 1 and self._length:  # the operator takes several tokens of one beam only
            return self._one_by_one(tokens, wanted)
        rows = self._rows_for(beams, count, tuple(wanted))
        self._look_up(tokens, rows)
        self._decoder.session.run_with_iobinding(self._binding)
        self._decoder.scores.run_with_iobinding(self._scores)
        self._length += count
        if self._decoder.listening:
            self._queries.add(
                rows.queries.reshape(-1, beams, count, rows.queries.shape[-1]).swapaxes(0, 1).copy()
            )
        return rows.scores(beams)

    def keep(self, beams: Sequence[int]) -> None:
        """Go on with these beams, in this order."""
        chosen = list(beams)
        if chosen != list(range(self._beams)):
            self._remember(
                len(chosen), {name: past[chosen, :, : self._length] for name, past in self._memory.items()}
            )
        self._queries.keep(chosen)

    def attention(self) -> Values | None:
        """[heads, tokens fed, encoder positions], of the first beam; None where no head is named."""
        pairs = self._decoder.compilation.alignment_heads
        if not pairs:
            return None
        queries = self._queries.of_first_beam()
        listening = self._decoder.listening
        return np.stack(
            [self._one_head(queries[listening.index(layer)], layer, head) for layer, head in pairs]
        )

    @property
    def states(self) -> Values:
        """What the logits of the last feed were computed from, [beams * wanted, width]."""
        return np.asarray(self._rows.states[0])

    @property
    def _beams(self) -> int:
        return next(iter(self._memory.values())).shape[0] if self._memory else 1

    def _one_head(self, queries: Values, layer: int, head: int) -> Values:
        """Softmax over the sound of queries [tokens, width] that come scaled, as the graph has it inside."""
        size = self._decoder.architecture.head_size
        keys = self._heard[f"cross.{layer}.key"].numpy()[0, head]
        scores = queries[:, head * size : (head + 1) * size] @ keys.T
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        return np.asarray(weights / weights.sum(axis=-1, keepdims=True), dtype=np.float32)

    def _one_by_one(self, tokens: NDArray[np.int64], wanted: Sequence[int]) -> Values:
        logits = [self.feed(tokens[:, [place]]).copy() for place in range(tokens.shape[1])]
        return np.concatenate([logits[place] for place in wanted], axis=1)

    def _remember(self, beams: int, past: Mapping[str, Values]) -> None:
        """Room for every token of so many beams, and what they remember already."""
        sizes = self._decoder.architecture
        shape = (beams, sizes.decoder_attention_heads, sizes.max_target_positions, sizes.head_size)
        if self._beams != beams or not self._memory:
            self._memory = {
                f"memory.{layer}.{part}": np.empty(shape, dtype=np.float32)
                for layer in range(sizes.decoder_layers)
                for part in ("key", "value")
            }
            for name, room in self._memory.items():
                _bind_input(self._binding, name, room)
                _bind_output(self._binding, f"new.{name}", room)
        for name, values in past.items():
            self._memory[name][:, :, : self._length] = values

    def _rows_for(self, beams: int, count: int, wanted: tuple[int, ...]) -> "_Rows":
        """Buffers for such a run, bound; the same as last time for every step."""
        if self._rows.kind != (beams, count, wanted):
            self._rows = _Rows(self._decoder, beams, count, wanted)
            self._rows.bind(self._binding, self._scores)
        return self._rows

    def _look_up(self, tokens: NDArray[np.int64], rows: "_Rows") -> None:
        """Write what the graph takes into its buffers."""
        beams, count = tokens.shape
        end = self._length + count
        vectors = rows.vectors.reshape(beams, count, -1)
        vectors[:] = self._decoder.tokens[tokens]
        vectors += self._decoder.positions[self._length : end]
        rows.ends[:] = end - 1
        rows.total[()] = end


class _Rows:
    """The buffers of runs that feed the same number of beams and tokens."""

    def __init__(self, decoder: CompiledDecoder, beams: int, count: int, wanted: tuple[int, ...]) -> None:
        architecture = decoder.architecture
        self.kind = beams, count, wanted
        self._decoder = decoder
        width, rows, results = architecture.d_model, beams * count, beams * len(wanted)
        kept = architecture.vocab_size if decoder.kept is None else decoder.kept.size
        self.vectors = np.zeros((1, rows, width), dtype=np.float32)
        self.grouping = np.array([beams, count, -1], dtype=np.int64)
        self.ends = np.zeros(beams, dtype=np.int32)
        self.total = np.zeros((), dtype=np.int32)
        places = np.array([place % max(1, count) for place in wanted], dtype=np.int64)
        self.wanted = (np.arange(beams)[:, np.newaxis] * count + places).reshape(-1)
        self.states = np.empty((1, results, width), dtype=np.float32)
        self.logits = np.empty((1, results, kept), dtype=np.float32)
        self.queries = np.zeros((len(decoder.listening), rows, width), dtype=np.float32)
        whole = (results, architecture.vocab_size)
        self._spread = None if decoder.kept is None else np.full(whole, -np.inf, dtype=np.float32)

    def bind(self, binding: Any, scores: Any) -> None:
        for name in ("vectors", "grouping", "ends", "total", "wanted"):
            _bind_input(binding, name, getattr(self, name))
        _bind_output(binding, "states", self.states)
        _bind_input(scores, "states", self.states)
        _bind_output(scores, "logits", self.logits)
        for place, layer in enumerate(self._decoder.listening):
            _bind_output(binding, f"queries.{layer}", self.queries[place : place + 1])

    def scores(self, beams: int) -> Values:
        """The logits [beams, wanted, vocabulary] of the run; tokens left out of a folder at -inf."""
        logits = self.logits[0]
        if self._decoder.compilation.score_again_within:
            self._decoder.score_again(self.states[0], logits)
        if self._spread is not None:
            self._spread[:] = -np.inf
            self._spread[:, self._decoder.kept] = logits
            logits = self._spread
        return np.asarray(logits.reshape(beams, -1, self._decoder.architecture.vocab_size))


def _mapped(table: Path) -> NDArray[Any]:
    """A table that stays on disk, as a plain array: a memmap's own indexing costs more than the rows."""
    return np.asarray(np.load(table, mmap_mode="r").view(np.ndarray))


def _bind_input(binding: Any, name: str, array: NDArray[Any]) -> None:
    binding.bind_input(name, "cpu", 0, array.dtype.type, array.shape, array.ctypes.data)


def _bind_output(binding: Any, name: str, array: NDArray[Any]) -> None:
    binding.bind_output(name, "cpu", 0, array.dtype.type, array.shape, array.ctypes.data)
