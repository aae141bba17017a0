"""Writes the graphs and tables of a compiled folder from weights, wherever these come from."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto

from voice_api.speech.whisper.compilation import SAFE_EVERYWHERE, adds_in_32_bits
from voice_api.speech.whisper.compile.decoder_graph import DecoderGraph
from voice_api.speech.whisper.compile.encoder_graph import EncoderGraph
from voice_api.speech.whisper.compile.quantise import FULL_RANGE
from voice_api.speech.whisper.compile.scores_graph import ScoresGraph
from voice_api.speech.whisper.compile.sizes import Hearing, Kernels, Sizes
from voice_api.speech.whisper.compile.writer import Precision, Values, Weights, Writer
from voice_api.speech.whisper.layout import COMPILED, COMPILED_SCHEMA

HEARINGS: tuple[Hearing, ...] = ("plain", "fused")
ROWS_AT_ONCE = 4096
Graphs = Mapping[str, ModelProto]
"""encoder, decoder and scores, whose weights lie in files beside them."""


@dataclass(frozen=True, slots=True)
class Build:
    """A compiled folder in the making; weights may come from anywhere.

    tied  the scores of tokens are products with the table of their vectors, as in every stock Whisper
    kept  the tokens that can be heard; None for all
    """

    weights: Weights
    sizes: Sizes
    place: Path
    precision: Precision
    tied: bool
    kept: NDArray[np.int64] | None = None

    @property
    def scores_again(self) -> bool:
        """Whether the scores near the best are computed again from the table."""
        return self.tied and self.precision != "fp32"

    @property
    def largest(self) -> int:
        """Of int8 weights: all of a byte where the processor adds their products in 32 bits."""
        return FULL_RANGE if adds_in_32_bits() else SAFE_EVERYWHERE

    def kernels(self, hearing: Hearing) -> Kernels:
        head: Precision = "int4" if self.scores_again else self.precision
        return Kernels(self.precision, head, hearing)

    def write(self) -> Mapping[Hearing, Graphs]:
        """Write tables and weights; give back the graphs in every variant, to choose from."""
        kind = np.float32 if self.precision == "fp32" else np.float16
        for name, weight in (("embedding", "embed_tokens"), ("positions", "embed_positions")):
            save_table(self.place / f"{name}.npy", self.weights[f"decoder.{weight}"](), kind)
        if self.kept is not None:
            np.save(self.place / "kept.npy", self.kept)
        writes = {"encoder": self._encoder, "decoder": self._decoder, "scores": self._scores}
        written = {name: self._variants(name, write) for name, write in writes.items()}
        return {
            hearing: {name: variants[hearing] for name, variants in written.items()} for hearing in HEARINGS
        }

    def put(self, graphs: Graphs, about: Mapping[str, object]) -> None:
        """Write the chosen graphs, and what is known of the folder."""
        for name, graph in graphs.items():
            (self.place / f"{name}.onnx").write_bytes(graph.SerializeToString())
        tell(self.place, about)

    def _variants(
        self, name: str, write: Callable[[Writer, Kernels], ModelProto]
    ) -> dict[Hearing, ModelProto]:
        """The graph for each way of hearing; their weights are the same and written once."""
        stored: dict[str, TensorProto] = {}
        weights = self._own_weights()
        with (self.place / f"{name}.weights").open("wb") as data:
            return {
                hearing: write(Writer(weights, data, self.largest, stored), self.kernels(hearing))
                for hearing in HEARINGS
            }

    def _encoder(self, writer: Writer, kernels: Kernels) -> ModelProto:
        return EncoderGraph(writer, self.sizes, kernels).model()

    def _decoder(self, writer: Writer, kernels: Kernels) -> ModelProto:
        return DecoderGraph(writer, self.sizes, kernels).model()

    def _scores(self, writer: Writer, kernels: Kernels) -> ModelProto:
        return ScoresGraph(writer, self.sizes, kernels, self.scores_again, self.kept).model()

    def _own_weights(self) -> Weights:
        """The weights as our graphs want them: queries of the sound scaled, scores of kept tokens only."""
        factor = np.float32(self.sizes.head_size**-0.5)
        scaled = {
            name: partial(_scaled, load, factor)
            for name, load in self.weights.items()
            if ".encoder_attn.q_proj." in name
        }
        return {**self.weights, **scaled, **self._kept_scores()}

    def _kept_scores(self) -> Weights:
        if self.kept is None:
            return {}
        kept, matrix, bias = self.kept, self.weights["proj_out.weight"], self.weights["proj_out.bias"]
        return {
            "proj_out.weight": lambda: matrix()[:, kept],
            "proj_out.bias": lambda: bias()[kept],
        }


def _scaled(load: Callable[[], Values], factor: np.float32) -> Values:
    return load() * factor


def tell(place: Path, about: Mapping[str, object]) -> None:
    """Write compiled.json."""
    text = json.dumps({"schema": COMPILED_SCHEMA, **about}, indent=1)
    (place / COMPILED).write_text(f"{text}\n", encoding="utf-8")


def are_tied(weights: Weights) -> bool:
    """Whether tokens are scored by the table of their vectors."""
    return np.array_equal(weights["decoder.embed_tokens"](), weights["proj_out.weight"]().T)


def save_table(path: Path, table: Values, kind: type[np.floating[Any]]) -> None:
    """Write a table some rows at a time, so that it is never held a second time.

    Not through a memory map: on a full disk, that ends the process instead of failing.
    """
    header = {"descr": np.dtype(kind).str, "fortran_order": False, "shape": table.shape}
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for start in range(0, len(table), ROWS_AT_ONCE):
            file.write(np.ascontiguousarray(table[start : start + ROWS_AT_ONCE], dtype=kind).data)
