"""The graphs of a folder as loaded sessions, checked against the sizes the folder claims."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voice_api.speech.runtime import onnxruntime, open_session
from voice_api.speech.whisper.config import Architecture
from voice_api.speech.whisper.errors import ModelFolderError
from voice_api.speech.whisper.layout import GraphFiles

_state = onnxruntime.capi.onnxruntime_pybind11_state
GRAPH_ERRORS = (
    _state.EPFail,
    _state.Fail,
    _state.InvalidArgument,
    _state.InvalidGraph,
    _state.InvalidProtobuf,
    _state.NoSuchFile,
    _state.NotImplemented,
    _state.RuntimeException,
)
DATA_TYPES: Mapping[str, type[np.floating[Any]]] = {
    "tensor(float16)": np.float16,
    "tensor(float)": np.float32,
}
ONE_MODEL = "take the graphs and the JSON files from the same model"

Hidden = Any
"""What the encoder gives the decoder: an onnxruntime value, [1, positions, d_model]."""


OpenGraph = Callable[[Path, int], onnxruntime.InferenceSession]
"""Opens a graph for a number of threads."""


def load(path: Path, threads: int, open_graph: OpenGraph = open_session) -> onnxruntime.InferenceSession:
    """A session, or ModelFolderError for a graph that onnxruntime refuses."""
    try:
        return open_graph(path, threads)
    except GRAPH_ERRORS as error:
        reason = str(error).split("failed:")[-1].strip().splitlines()[0]
        fix = "copy it again whole; a large graph also needs its .onnx_data file beside it"
        raise ModelFolderError(f"{path} cannot be loaded: {reason:.160}", fix) from error


class Graph:
    """A session with what it takes and gives by name."""

    def __init__(self, path: Path, threads: int, open_graph: OpenGraph = open_session) -> None:
        self.path = path
        self.session = load(path, threads, open_graph)
        self.inputs = {entry.name: entry for entry in self.session.get_inputs()}
        self.outputs = {entry.name: entry for entry in self.session.get_outputs()}

    def require_input(self, name: str, *sizes: int | None) -> None:
        self._require(self.inputs, "takes", name, sizes)

    def require_output(self, name: str, *sizes: int | None) -> None:
        self._require(self.outputs, "gives", name, sizes)

    def data_type(self, name: str) -> type[np.floating[Any]]:
        """The floating type of an input; most folders keep float32 at the border."""
        return DATA_TYPES.get(self.inputs[name].type, np.float32)

    def _require(self, entries: Mapping[str, Any], verb: str, name: str, sizes: Sequence[int | None]) -> None:
        """Fail unless `name` is there with these sizes; None, and sizes left open by the graph, fit all."""
        if name not in entries:
            raise ModelFolderError(f"{self.path} {verb} no {name}", ONE_MODEL)
        found = entries[name].shape
        fits = len(found) == len(sizes) and all(
            wanted is None or not isinstance(size, int) or size == wanted
            for size, wanted in zip(found, sizes, strict=True)
        )
        if not fits:
            wanted_text = [size if size is not None else "any" for size in sizes]
            raise ModelFolderError(
                f"{self.path} {verb} {name} of shape {found}, config.json asks for {wanted_text}", ONE_MODEL
            )


class Encoder:
    """features [1, bins, frames] to hidden states."""

    def __init__(
        self, path: Path, architecture: Architecture, threads: int, open_graph: OpenGraph = open_session
    ) -> None:
        self._graph = Graph(path, threads, open_graph)
        frames = 2 * architecture.max_source_positions
        self._graph.require_input("input_features", None, architecture.num_mel_bins, frames)
        self._graph.require_output("last_hidden_state", None, None, architecture.d_model)
        self.any_length = not isinstance(self._graph.inputs["input_features"].shape[2], int)

    def run(self, features: NDArray[np.float32]) -> Hidden:
        data = features.astype(self._graph.data_type("input_features"), copy=False)
        feeds = {"input_features": onnxruntime.OrtValue.ortvalue_from_numpy(data)}
        return self._graph.session.run_with_ort_values(["last_hidden_state"], feeds)[0]


class Decoder:
    """Both halves of a decoder, whether they lie in one merged graph or in two.

    alignment_heads  (layer, head) pairs that follow the sound, for graphs that give cross_attentions
    """

    def __init__(
        self,
        files: GraphFiles,
        architecture: Architecture,
        threads: int,
        alignment_heads: Sequence[tuple[int, int]] = (),
        open_graph: OpenGraph = open_session,
    ) -> None:
        self.architecture = architecture
        self.first = Graph(files.decoder, threads, open_graph)
        later = files.later_decoder
        merged = later is None
        self.later = self.first if later is None else Graph(later, threads, open_graph)
        self._require(merged)
        told = all(f"cross_attentions.{layer}" in self.first.outputs for layer, _ in alignment_heads)
        self.alignment_heads = tuple(alignment_heads) if told else ()

    def begin(self, hidden: Hidden) -> "StockDecoding":
        return StockDecoding(self, hidden)

    def memory_names(self, part: str) -> list[str]:
        """`{layer}.{part}.{key|value}` for every layer; part is decoder or encoder."""
        layers = range(self.architecture.decoder_layers)
        return [f"{layer}.{part}.{kind}" for layer in layers for kind in ("key", "value")]

    def attention_names(self) -> list[str]:
        """Outputs that hold the alignment heads, by layer."""
        layers = sorted({layer for layer, _ in self.alignment_heads})
        return [f"cross_attentions.{layer}" for layer in layers]

    def _require(self, merged: bool) -> None:
        sizes = self.architecture
        memory = (None, sizes.decoder_attention_heads, None, sizes.head_size)
        self.first.require_input("encoder_hidden_states", None, None, sizes.d_model)
        if merged:
            self.first.require_input("use_cache_branch", None)
        for graph in {id(graph): graph for graph in (self.first, self.later)}.values():
            graph.require_input("input_ids", None, None)
            graph.require_output("logits", None, None, sizes.vocab_size)
        for name in (*self.memory_names("decoder"), *self.memory_names("encoder")):
            self.first.require_output(f"present.{name}", *memory)
            self.later.require_input(f"past_key_values.{name}", *memory)
        if f"present.{sizes.decoder_layers}.decoder.key" in self.first.outputs:
            raise ModelFolderError(
                f"{self.first.path} has more layers than config.json's {sizes.decoder_layers}", ONE_MODEL
            )


class StockDecoding:
    """One utterance being decoded with the graphs as published; a Decoding."""

    def __init__(self, decoder: Decoder, hidden: Hidden) -> None:
        self._decoder = decoder
        self._hidden = hidden
        self._memory: dict[str, Any] = {}
        self._length = 0
        self._listened: list[str] = []
        self._heard = HeardAt()
        self._logits = np.empty((0, 0, 0), dtype=np.float32)

    def listen(self) -> None:
        """Follow the alignment heads from the first tokens on."""
        self._listened = self._decoder.attention_names()

    def take(self, tokens: NDArray[np.int64], wanted: Sequence[int] = (-1,)) -> None:
        """Take tokens [beams, count], of which the logits are wanted of some."""
        parts = ("decoder",) if self._memory else ("decoder", "encoder")
        names = [name for part in parts for name in self._decoder.memory_names(part)]
        graph = self._decoder.later if self._memory else self._decoder.first
        outputs = ["logits", *(f"present.{name}" for name in names), *self._listened]
        logits, *rest = graph.session.run_with_ort_values(outputs, self._feeds(graph, tokens))
        self._memory.update(zip(names, rest[: len(names)], strict=True))
        self._length += tokens.shape[1]
        if self._listened:
            self._heard.add(self._heads(rest[len(names) :]))
        self._logits = np.asarray(logits.numpy()[:, list(wanted)], dtype=np.float32)

    def logits(self) -> NDArray[np.float32]:
        """[beams, len(wanted), vocabulary] of the tokens taken last."""
        return self._logits

    def feed(self, tokens: NDArray[np.int64], wanted: Sequence[int] = (-1,)) -> NDArray[np.float32]:
        """The logits [beams, len(wanted), vocabulary] after tokens [beams, count]."""
        self.take(tokens, wanted)
        return self.logits()

    def position(self, row: int) -> None:
        """Published graphs give logits only."""

    def end(self) -> None:
        """Every feed has arrays of its own here."""

    def keep(self, beams: Sequence[int]) -> None:
        """Go on with these beams, in this order."""
        chosen = list(beams)
        value = onnxruntime.OrtValue.ortvalue_from_numpy
        self._memory = {name: value(past.numpy()[chosen]) for name, past in self._memory.items()}
        self._heard.keep(chosen)

    def attention(self) -> NDArray[np.float32] | None:
        """[heads, tokens fed, encoder positions]; None where the graphs do not tell."""
        return self._heard.of_first_beam() if self._listened else None

    def _heads(self, layers: Sequence[Any]) -> NDArray[np.float32]:
        """The alignment heads [beams, heads, tokens, positions] out of whole layers."""
        given = dict(zip(self._listened, layers, strict=True))
        chosen = [
            given[f"cross_attentions.{layer}"].numpy()[:, head]
            for layer, head in self._decoder.alignment_heads
        ]
        return np.stack(chosen, axis=1).astype(np.float32, copy=False)

    def _feeds(self, graph: Graph, tokens: NDArray[np.int64]) -> dict[str, Any]:
        value = onnxruntime.OrtValue.ortvalue_from_numpy
        beams, count = tokens.shape
        feeds = {"input_ids": value(np.ascontiguousarray(tokens, dtype=np.int64))}
        if "encoder_hidden_states" in graph.inputs:
            feeds["encoder_hidden_states"] = self._hidden_for(beams)
        if "use_cache_branch" in graph.inputs:
            feeds["use_cache_branch"] = value(np.array([bool(self._memory)]))
        if "cache_position" in graph.inputs:
            feeds["cache_position"] = value(np.arange(self._length, self._length + count, dtype=np.int64))
        for name in graph.inputs:
            if name.startswith("past_key_values."):
                feeds[name] = self._past(graph, name, beams)
        return feeds

    def _hidden_for(self, beams: int) -> Hidden:
        if beams == self._hidden.shape()[0]:
            return self._hidden
        return onnxruntime.OrtValue.ortvalue_from_numpy(np.repeat(self._hidden.numpy()[:1], beams, axis=0))

    def _past(self, graph: Graph, name: str, beams: int) -> Any:
        """What is remembered, or nothing of the right shape: a merged graph wants it even at the start."""
        remembered = self._memory.get(name.removeprefix("past_key_values."))
        if remembered is not None:
            return remembered
        sizes = self._decoder.architecture
        shape = (beams, sizes.decoder_attention_heads, 0, sizes.head_size)
        return onnxruntime.OrtValue.ortvalue_from_numpy(np.zeros(shape, dtype=graph.data_type(name)))


class HeardAt:
    """What each feed of a decoding left behind, and which of its rows every living beam descends from."""

    def __init__(self) -> None:
        self._chunks: list[NDArray[np.float32]] = []
        self._rows: list[list[int]] = []

    def add(self, chunk: NDArray[np.float32]) -> None:
        """A feed gave `chunk` [beams, heads, tokens, width]."""
        self._chunks.append(chunk)
        self._rows.append(list(range(chunk.shape[0])))

    def keep(self, beams: Sequence[int]) -> None:
        self._rows = [[rows[beam] for beam in beams] for rows in self._rows]

    def of_first_beam(self) -> NDArray[np.float32]:
        """[heads, tokens of all feeds, width]."""
        chunks = [chunk[rows[0]] for chunk, rows in zip(self._chunks, self._rows, strict=True)]
        return np.concatenate(chunks, axis=1)
