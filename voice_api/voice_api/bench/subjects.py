"""The models to measure: kept ones, folders, and random ones of the published sizes."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voice_api.bench.checkpoint import FILE, read_weights, write_weights
from voice_api.bench.random_model import SIZES, Size, documents, random_weights
from voice_api.bench.random_tokenizer import tokenizer_document
from voice_api.model import model_folder
from voice_api.speech.whisper.compile.write import CompileOptions, write_compiled
from voice_api.speech.whisper.layout import is_compiled_here

RANDOM = "random-"


@dataclass(frozen=True, slots=True)
class Subject:
    """A model under measurement.

    folder      what our engine loads
    checkpoint  the same weights for peers to be converted from; None where there are none at hand
    endless     it never ends a text by itself, so that a number of tokens must be given
    """

    name: str
    folder: Path
    checkpoint: Path | None
    endless: bool


def subject(name_or_folder: str, models_folder: Path, work: Path, tell: Callable[[str], None]) -> Subject:
    """The model of that name; random ones are made in `work`. VoiceApiError where there is none."""
    size = SIZES.get(name_or_folder.removeprefix(RANDOM)) if name_or_folder.startswith(RANDOM) else None
    if size is not None:
        return random_subject(size, work, tell)
    folder = model_folder(name_or_folder, models_folder)
    checkpoints = (place for place in (folder, folder / "reference") if (place / FILE).is_file())
    return Subject(name_or_folder, folder, next(checkpoints, None), endless=False)


def random_subject(
    size: Size, work: Path, tell: Callable[[str], None], text_tokens: int | None = None
) -> Subject:
    """A model of random weights, made and compiled once in `work`; it ends its texts after text_tokens."""
    name = f"{RANDOM}{size.name}" + (f"-{text_tokens}" if text_tokens else "")
    checkpoint, folder = work / name / "checkpoint", work / name / "compiled"
    if not checkpoint.is_dir():
        tell(f"drawing the weights of {name}")
        write_checkpoint(size, checkpoint, text_tokens)
    if not is_compiled_here(folder):
        tell(f"compiling {name}")
        write_compiled(for_compiling(read_weights(checkpoint)), checkpoint, folder, CompileOptions(), tell)
    return Subject(name, folder, checkpoint, endless=text_tokens is None)


def write_checkpoint(size: Size, folder: Path, text_tokens: int | None = None) -> None:
    """config.json, weights and vocabulary, as transformers would write them."""
    unfinished = folder.with_name(f".{folder.name}")
    unfinished.mkdir(parents=True, exist_ok=True)
    write_weights(unfinished, random_weights(size, text_tokens))
    for name, document in {**documents(size), "tokenizer.json": tokenizer_document()}.items():
        (unfinished / name).write_text(json.dumps(document))
    unfinished.rename(folder)


def for_compiling(
    checkpoint: Mapping[str, NDArray[np.float32]],
) -> dict[str, Callable[[], NDArray[np.float32]]]:
    """Weights of a checkpoint as the compiler wants them: matrices [inputs, outputs], every bias there."""
    named = {name.removeprefix("model."): values for name, values in checkpoint.items()}
    named.setdefault("proj_out.weight", named["decoder.embed_tokens.weight"])
    for name in [name for name in named if name.endswith(("k_proj.weight", "proj_out.weight"))]:
        named.setdefault(name.replace("weight", "bias"), np.zeros(len(named[name]), dtype=np.float32))
    return {_compiled_name(name): partial(_turned, name, values) for name, values in named.items()}


def _compiled_name(name: str) -> str:
    """Tables that are looked up have no kind of weight in their name."""
    return name.removesuffix(".weight") if ".embed_" in name else name


def _turned(name: str, values: NDArray[np.float32]) -> NDArray[np.float32]:
    return values if values.ndim != 2 or ".embed_" in name else values.T
