"""Where a Hugging Face Whisper folder keeps its files, in both usual layouts."""

from dataclasses import dataclass
from pathlib import Path

from voice_api.speech.whisper.confidence import Calibration, read_calibration
from voice_api.speech.whisper.config import (
    Architecture,
    Generation,
    read_architecture,
    read_features,
    read_generation,
)
from voice_api.speech.whisper.documents import Document, read_document, read_if_present
from voice_api.speech.whisper.errors import ModelFolderError
from voice_api.speech.whisper.features import FeatureSettings
from voice_api.speech.whisper.tokens import Vocabulary, read_vocabulary

SUFFIXES_FOR_CPU = ("_int8", "_quantized", "_uint8", "", "_q4", "_bnb4", "_q4f16", "_fp16")
"""What is taken first where a folder holds several: int8 is fastest here, half precision slowest."""

COMPILED = "compiled.json"
COMPILED_SCHEMA = "kvx/compiled-model/v2"
SHORT_CONTEXT_NAME = "acft"

GIT_LFS_POINTER = b"version https://git-lfs"
FETCH_GRAPHS = "copy encoder_model*.onnx and decoder_model_merged*.onnx into the folder or its onnx/"


@dataclass(frozen=True, slots=True)
class GraphFiles:
    """The graphs to load; later_decoder is None where one merged decoder does both parts."""

    encoder: Path
    decoder: Path
    later_decoder: Path | None


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """Everything a folder says, read and found to agree with itself; graphs not yet loaded.

    compiled       made by `voice-api model compile`
    short_context  trained on, or tuned for, sound of any length
    """

    path: Path
    graphs: GraphFiles
    architecture: Architecture
    features: FeatureSettings
    generation: Generation
    vocabulary: Vocabulary
    calibration: Calibration | None
    compiled: bool
    short_context: bool


def read_folder(path: Path) -> ModelFolder:
    """Read and check everything in a folder but the graphs' insides; raises ModelFolderError."""
    if not path.is_dir():
        what = "is not a folder" if path.exists() else "does not exist"
        raise ModelFolderError(f"the model folder {path} {what}", "give the path of a Whisper ONNX folder")
    architecture = read_architecture(path)
    features = read_features(path, architecture)
    vocabulary = read_vocabulary(path / "tokenizer.json", architecture.vocab_size)
    generation = read_generation(path, vocabulary.ids, architecture)
    vocabulary.require(generation.start_token, generation.end_token)
    compilation = read_if_present(path / COMPILED)
    return ModelFolder(
        path=path,
        graphs=_compiled_graphs(path, compilation) if compilation.values else find_graphs(path),
        architecture=architecture,
        features=features,
        generation=generation,
        vocabulary=vocabulary,
        calibration=read_calibration(path / "confidence.json"),
        compiled=bool(compilation.values),
        short_context=compilation.switch("short_context", tuned_for_short_context(path)),
    )


def is_compiled_here(path: Path) -> bool:
    """Whether a folder was compiled in the form that this version reads."""
    return read_if_present(path / COMPILED).values.get("schema") == COMPILED_SCHEMA


def tuned_for_short_context(path: Path) -> bool:
    """Whether a folder calls itself tuned for short audio contexts (ACFT), by its name or config.json's."""
    named = read_document(path / "config.json").values.get("_name_or_path")
    return any(SHORT_CONTEXT_NAME in str(name).lower() for name in (path.resolve().name, named))


def _compiled_graphs(path: Path, compilation: Document) -> GraphFiles:
    """The graphs of a folder that `voice-api model compile` wrote."""
    schema = compilation.values.get("schema")
    if schema != COMPILED_SCHEMA:
        message = f"{compilation.path} is of the schema {schema!r:.60}, read is {COMPILED_SCHEMA}"
        raise ModelFolderError(message, "compile the published folder again: voice-api model compile FOLDER")
    files = GraphFiles(path / "encoder.onnx", path / "decoder.onnx", None)
    for missing in (file for file in (files.encoder, files.decoder) if not file.is_file()):
        raise ModelFolderError(f"{missing} is missing", "compile the published folder again")
    return files


def find_graphs(path: Path) -> GraphFiles:
    """The best graphs for a CPU: by suffix, and a merged decoder before a split one."""
    places = [place for place in (path / "onnx", path) if place.is_dir()]
    for place in places:
        encoder = _first_file(place, "encoder_model")
        decoders = _decoders(place)
        if encoder is not None and decoders is not None:
            files = GraphFiles(encoder, *decoders)
            for file in (files.encoder, files.decoder, files.later_decoder):
                _refuse_pointer(file)
            return files
    raise ModelFolderError(f"{path} holds no {_missing(places)}", FETCH_GRAPHS)


def _first_file(place: Path, name: str) -> Path | None:
    files = (place / f"{name}{suffix}.onnx" for suffix in SUFFIXES_FOR_CPU)
    return next((file for file in files if file.is_file()), None)


def _decoders(place: Path) -> tuple[Path, Path | None] | None:
    for suffix in SUFFIXES_FOR_CPU:
        merged = place / f"decoder_model_merged{suffix}.onnx"
        first = place / f"decoder_model{suffix}.onnx"
        later = place / f"decoder_with_past_model{suffix}.onnx"
        if merged.is_file():
            return merged, None
        if first.is_file() and later.is_file():
            return first, later
    return None


def _missing(places: list[Path]) -> str:
    if not any(_first_file(place, "encoder_model") for place in places):
        return "encoder_model.onnx, neither in onnx/ nor in the root"
    if any(_first_file(place, "decoder_model") for place in places):
        return "decoder_with_past_model.onnx beside its decoder_model.onnx"
    return "decoder_model_merged.onnx beside its encoder"


def _refuse_pointer(file: Path | None) -> None:
    if file is None:
        return
    try:
        with file.open("rb") as stream:
            opening = stream.read(len(GIT_LFS_POINTER))
    except OSError as error:
        raise ModelFolderError(f"{file} cannot be read: {error.strerror}", "make it readable") from error
    if opening == GIT_LFS_POINTER:
        raise ModelFolderError(f"{file} is a Git LFS pointer, not a graph", "run: git lfs pull")
