"""Compiled copies of published folders: which one belongs to a folder, told without reading its graphs."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from voice_api.errors import VoiceApiError
from voice_api.model import compiled_precision
from voice_api.speech.whisper.layout import is_compiled_here

COPIES = ".compiled"
LINK = ".of"
GRAPHS = ("*.onnx*", "onnx/*.onnx*")


def remember_copy(models_folder: Path, published: Path, copy: Path) -> None:
    """Note that `copy`, one of the compiled folders, is what `published` was compiled to."""
    note = _note(models_folder, published)
    fresh = note.with_name(f"{note.name}.{os.getpid()}")
    try:
        fresh.write_text(copy.name, encoding="utf-8")
        fresh.replace(note)
    except OSError as error:
        message = f"{note.parent} cannot be written: {error.strerror}"
        raise VoiceApiError("not_written", message, "make it writable, or name --output", 500) from error


def compiled_copy(models_folder: Path, published: Path) -> Path | None:
    """The compiled folder noted for `published` as it is now; None when there is none any more.

    Nor where another version of voice-api compiled it: the published folder can still be loaded.
    """
    try:
        name = _note(models_folder, published).read_text(encoding="utf-8")
    except OSError:
        return None
    copy = models_folder / COPIES / Path(name).name
    return copy if compiled_precision(copy) and is_compiled_here(copy) else None


def _note(models_folder: Path, published: Path) -> Path:
    """Names, sizes and times of the files stand for their content, as they do for `make`.

    Reading them all would take longer than to load the compiled copy.
    """
    seen = hashlib.sha256()
    for file in sorted(_files(published)):
        about = file.stat()
        seen.update(f"{file.relative_to(published)} {about.st_size} {about.st_mtime_ns}\n".encode())
    return models_folder / COPIES / f"{seen.hexdigest()[:40]}{LINK}"


def _files(published: Path) -> Iterator[Path]:
    for pattern in ("*.json", *GRAPHS):
        yield from published.glob(pattern)
