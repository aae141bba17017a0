"""Which folder to load: the compiled copy of a published one, where there is one of the same content."""

import logging
from pathlib import Path
from typing import Literal

from voice_api.speech.whisper.layout import COMPILED

COPIES = ".compiled"
PRECISIONS: tuple[Literal["int8", "int4", "fp32"], ...] = ("int8", "int4", "fp32")
"""Fastest first."""

log = logging.getLogger("voice_api.model")


def best_copy(folder: Path, models_folder: Path) -> Path:
    """The compiled copy below `models_folder`, else `folder` itself, and a word on how to make it faster."""
    if (folder / COMPILED).is_file():
        return folder
    copy = _copy_of(folder, models_folder) if (models_folder / COPIES).is_dir() else None
    if copy is None:
        log.info("%s is as published; to make it faster: voice-api model compile %s", folder, folder)
    return copy or folder


def _copy_of(folder: Path, models_folder: Path) -> Path | None:
    """The compiler says what the content is called; it takes onnx along, which most starts can do without."""
    from voice_api.speech.whisper.compile.folder import CompileOptions, compiled_cache  # noqa: PLC0415

    places = (compiled_cache(models_folder, folder, CompileOptions(precision)) for precision in PRECISIONS)
    return next((place for place in places if (place / COMPILED).is_file()), None)
