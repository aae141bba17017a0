"""The graphs of a folder as loaded sessions, checked against the sizes the folder claims."""

from collections.abc import Mapping, Sequence
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


def load(path: Path, threads: int) -> onnxruntime.InferenceSession:
    """A session, or ModelFolderError for a graph that onnxruntime refuses."""
    try:
        return open_session(path, threads)
    except GRAPH_ERRORS as error:
        reason = str(error).split("failed:")[-1].strip().splitlines()[0]
        fix = "copy it again whole; a large graph also needs its .onnx_data file beside it"
        raise ModelFolderError(f"{path} cannot be loaded: {reason:.160}", fix) from error


class Graph:
    """A session with what it takes and gives by name."""

    def __init__(self, path: Path, threads: int) -> None:
        self.path = path
        self.session = load(path, threads)
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

    def __init__(self, path: Path, architecture: Architecture, threads: int) -> None:
        self._graph = Graph(path, threads)
        frames = 2 * architecture.max_source_positions
        self._graph.require_input("input_features", None, architecture.num_mel_bins, frames)
        self._graph.require_output("last_hidden_state", None, None, architecture.d_model)
        self.any_length = not isinstance(self._graph.inputs["input_features"].shape[2], int)

    def run(self, features: NDArray[np.float32]) -> Hidden:
        data = features.astype(self._graph.data_type("input_features"), copy=False)
        feeds = {"input_features": onnxruntime.OrtValue.ortvalue_from_numpy(data)}
        return self._graph.session.run_with_ort_values(["last_hidden_state"], feeds)[0]


class Decoder:
    """Both halves of a decoder, whether they lie in one merged graph or in two."""

    def __init__(self, files: GraphFiles, architecture: Architecture, threads: int) -> None:
        self.architecture = architecture
        self.first = Graph(files.decoder, threads)
        merged = files.later_decoder is None
        self.later = self.first if files.later_decoder is None else Graph(files.later_decoder, threads)
        self._require(merged)

    def begin(self, hidden: Hidden) -> "Decoding":
        return Decoding(self, hidden)

    def memory_names(self, part: str) -> list[str]:
        """`{layer}.{part}.{key|value}` for every layer; part is decoder or encoder."""
        layers = range(self.architecture.decoder_layers)
        return [f"{layer}.{part}.{kind}" for layer in layers for kind in ("key", "value")]

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


class Decoding:
    """One utterance being decoded; remembers what was fed."""

    def __init__(self, decoder: Decoder, hidden: Hidden) -> None:
        self._decoder = decoder
        self._hidden = hidden
        self._memory: dict[str, Any] = {}
        self._length = 0

    def feed(self, tokens: Sequence[int]) -> NDArray[np.float32]:
        """The logits after each of `tokens`, [tokens, vocabulary]."""
        parts = ("decoder",) if self._memory else ("decoder", "encoder")
        names = [name for part in parts for name in self._decoder.memory_names(part)]
        graph = self._decoder.later if self._memory else self._decoder.first
        outputs = ["logits", *(f"present.{name}" for name in names)]
        logits, *present = graph.session.run_with_ort_values(outputs, self._feeds(graph, tokens))
        self._memory.update(zip(names, present, strict=True))
        self._length += len(tokens)
        return np.asarray(logits.numpy()[0], dtype=np.float32)

    def _feeds(self, graph: Graph, tokens: Sequence[int]) -> dict[str, Any]:
        value = onnxruntime.OrtValue.ortvalue_from_numpy
        feeds = {"input_ids": value(np.array([tokens], dtype=np.int64))}
        if "encoder_hidden_states" in graph.inputs:
            feeds["encoder_hidden_states"] = self._hidden
        if "use_cache_branch" in graph.inputs:
            feeds["use_cache_branch"] = value(np.array([bool(self._memory)]))
        if "cache_position" in graph.inputs:
            positions = np.arange(self._length, self._length + len(tokens), dtype=np.int64)
            feeds["cache_position"] = value(positions)
        for name in graph.inputs:
            if name.startswith("past_key_values."):
                feeds[name] = self._past(graph, name)
        return feeds

    def _past(self, graph: Graph, name: str) -> Any:
        """What is remembered, or nothing of the right shape: a merged graph wants it even at the start."""
        remembered = self._memory.get(name.removeprefix("past_key_values."))
        if remembered is not None:
            return remembered
        sizes = self._decoder.architecture
        shape = (1, sizes.decoder_attention_heads, 0, sizes.head_size)
        return onnxruntime.OrtValue.ortvalue_from_numpy(np.zeros(shape, dtype=graph.data_type(name)))
