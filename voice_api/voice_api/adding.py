"""Adds a model: copied or compiled under a name, checked, and only then there to be used."""

import errno
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from voice_api.errors import VoiceApiError
from voice_api.model import EMBEDDED, NAME, Kept, check_model, compiled_precision, kept_model
from voice_api.speech.whisper.compile.atomic import flush
from voice_api.speech.whisper.layout import read_folder

ADDING = ".adding-"
ABANDONED_SECONDS = 3_600
"""Age after which a copy that never became a model was left by a killed process."""


def add_model(
    folder: Path,
    name: str | None,
    models_folder: Path,
    copy: Callable[[Path, Path], object] = shutil.copyfile,
    make: Callable[[Path, Path], object] | None = None,
) -> Kept:
    """Copy a model's files under a name, check the copy, and only then make it visible.

    `make` writes another folder instead, such as the compiled one; what is compiled already is copied.
    A rename is all that makes it visible: whoever is killed before leaves nothing that has a name.
    """
    folder = folder.expanduser()
    chosen = name or folder.resolve().name
    target = models_folder / chosen
    _check_name(chosen, target)
    compiled = compiled_precision(folder) is not None
    files = _files_of(folder)
    try:
        models_folder.mkdir(parents=True, exist_ok=True)
        _sweep(models_folder)
        with tempfile.TemporaryDirectory(prefix=ADDING, dir=models_folder) as fresh:
            copied = Path(fresh) / chosen
            if make is None or compiled:
                _copy(files, folder, copied, copy)
            else:
                make(folder, copied)
            check_model(str(copied), models_folder)
            copied.rename(target)
            flush(models_folder)
    except OSError as error:
        raise _not_copied(models_folder, error) from error
    return kept_model(chosen, target)


def _files_of(folder: Path) -> tuple[Path, ...]:
    """What a model is loaded from, relative to its folder: its JSON files, graphs and their data."""
    if compiled_precision(folder):
        return tuple(path.relative_to(folder) for path in folder.iterdir() if path.is_file())
    graphs = read_folder(folder).graphs
    loaded = [graph for graph in (graphs.encoder, graphs.decoder, graphs.later_decoder) if graph is not None]
    beside = [path for graph in loaded for path in graph.parent.glob(f"{graph.name}_data*")]
    return tuple(path.relative_to(folder) for path in (*folder.glob("*.json"), *loaded, *beside))


def _copy(files: tuple[Path, ...], source: Path, target: Path, copy: Callable[[Path, Path], object]) -> None:
    for file in files:
        place = target / file
        place.parent.mkdir(parents=True, exist_ok=True)
        copy(source / file, place)
        flush(place)
    for folder in {(target / file).parent for file in files}:
        flush(folder)


def _sweep(models_folder: Path) -> None:
    """Remove copies that a killed process left."""
    for left in _abandoned(models_folder):
        shutil.rmtree(left, ignore_errors=True)


def _abandoned(models_folder: Path) -> Iterator[Path]:
    oldest = time.time() - ABANDONED_SECONDS
    return (path for path in models_folder.glob(f"{ADDING}*") if path.stat().st_mtime < oldest)


def _check_name(name: str, target: Path) -> None:
    if name == EMBEDDED or not NAME.fullmatch(name):
        fix = "choose one of letters, digits, dots and dashes, with --name"
        raise VoiceApiError("bad_name", f"a model cannot be called {name}", fix)
    if target.exists():
        fix = f"choose another with --name, or delete {target}"
        raise VoiceApiError("name_taken", f"there is already a model {name}", fix, 409)


def _not_copied(models_folder: Path, error: OSError) -> VoiceApiError:
    full = error.errno in {errno.ENOSPC, errno.EDQUOT}
    reason = "the disk is full" if full else str(error)
    fix = "make room" if full else "make the folder writable, or name another with --models-folder"
    return VoiceApiError(
        "not_copied", f"the model could not be copied to {models_folder}: {reason}", fix, 500
    )
