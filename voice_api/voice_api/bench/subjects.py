"""The models to measure: kept ones, folders, and random ones of the published sizes."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from voice_api.bench.checkpoint import FILE, write_weights
from voice_api.bench.random_model import SIZES, Size, documents, random_weights
from voice_api.bench.random_tokenizer import tokenizer_document
from voice_api.model import model_folder

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


def random_subject(size: Size, work: Path, tell: Callable[[str], None]) -> Subject:
    """A model of random weights, made and compiled once in `work`."""
    name = f"{RANDOM}{size.name}"
    checkpoint, folder = work / name / "checkpoint", work / name / "compiled"
    if not checkpoint.is_dir():
        tell(f"drawing the weights of {name}")
        write_checkpoint(size, checkpoint)
    if not folder.is_dir():
        tell(f"compiling {name}")
        raise NotImplementedError
    return Subject(name, folder, checkpoint, endless=True)


def write_checkpoint(size: Size, folder: Path) -> None:
    """config.json, weights and vocabulary, as transformers would write them."""
    unfinished = folder.with_name(f".{folder.name}")
    unfinished.mkdir(parents=True, exist_ok=True)
    write_weights(unfinished, random_weights(size))
    for name, document in {**documents(size), "tokenizer.json": tokenizer_document()}.items():
        (unfinished / name).write_text(json.dumps(document))
    unfinished.rename(folder)
