"""The graphs of a published folder that are best to compile from, and what its content is called."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from voice_api.speech.whisper.compile.flow import flow_of
from voice_api.speech.whisper.compile.onnx_file import read_onnx
from voice_api.speech.whisper.compile.sizes import Sizes
from voice_api.speech.whisper.compile.source import decoder_weights, encoder_weights
from voice_api.speech.whisper.compile.writer import Weights
from voice_api.speech.whisper.errors import ModelFolderError
from voice_api.speech.whisper.layout import FETCH_GRAPHS, GraphFiles

BEST_FIRST = ("", "_fp16", "_int8", "_quantized", "_uint8")
"""Rounded weights are compiled where nothing better is there."""

FORM = "3"
"""Another one than before whenever the graphs that are written change: what was compiled is not used then."""

COPIED = (
    *("config.json", "generation_config.json", "preprocessor_config.json", "tokenizer.json"),
    *("confidence.json", "tokenizer_config.json", "special_tokens_map.json", "README.md"),
)


@dataclass(frozen=True, slots=True)
class Published:
    """A folder to compile from.

    precision  of its weights: fp32, fp16 or int8
    """

    path: Path
    graphs: GraphFiles
    precision: str

    @property
    def files(self) -> list[Path]:
        """The graphs, whichever of them there are."""
        named = (self.graphs.encoder, self.graphs.decoder, self.graphs.later_decoder)
        return [file for file in named if file is not None]

    def weights(self, sizes: Sizes) -> Weights:
        """Every weight, to be loaded when it is asked for."""
        heard, layers = encoder_weights(flow_of(read_onnx(self.graphs.encoder)), sizes.architecture)
        if layers != sizes.encoder_layers:
            raise ModelFolderError(
                f"{self.graphs.encoder} has {layers} layers, config.json says {sizes.encoder_layers}",
                "take the graphs and the JSON files from the same model",
            )
        return {**heard, **decoder_weights(flow_of(read_onnx(self.graphs.decoder)), sizes.architecture)}

    def digest(self) -> str:
        """A name for the content of everything that is read: 40 hexadecimal digits."""
        total = hashlib.sha256(FORM.encode())
        copied = [file for name in COPIED if (file := self.path / name).is_file()]
        for file in (*self.files, *self._data_files(), *copied):
            with file.open("rb") as stream:
                total.update(f"{file.name} {hashlib.file_digest(stream, 'sha256').hexdigest()}\n".encode())
        return total.hexdigest()[:40]

    def _data_files(self) -> Iterator[Path]:
        for file in self.files:
            yield from read_onnx(file).files_beside()


def find_published(path: Path) -> Published:
    """Choose the graphs; ModelFolderError for a folder that holds none that can be read."""
    for place in (path / "onnx", path):
        for suffix in BEST_FIRST:
            encoder = place / f"encoder_model{suffix}.onnx"
            decoders = _decoders(place, suffix)
            if encoder.is_file() and decoders is not None:
                precision = {"": "fp32", "_fp16": "fp16"}.get(suffix, "int8")
                return Published(path, GraphFiles(encoder, *decoders), precision)
    raise ModelFolderError(f"{path} holds no graphs of Whisper in fp32, fp16 or int8", FETCH_GRAPHS)


def _decoders(place: Path, suffix: str) -> tuple[Path, Path | None] | None:
    merged = place / f"decoder_model_merged{suffix}.onnx"
    first = place / f"decoder_model{suffix}.onnx"
    later = place / f"decoder_with_past_model{suffix}.onnx"
    if merged.is_file():
        return merged, None
    return (first, later) if first.is_file() and later.is_file() else None
