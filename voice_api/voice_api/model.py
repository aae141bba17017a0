"""Speech models by name: the embedded one, those that were added, and any folder."""

import errno
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

from voice_api.errors import VoiceApiError
from voice_api.speech.protocol import SAMPLE_RATE, Listener, TranscribeOptions
from voice_api.speech.runtime import available_threads
from voice_api.speech.speakers.espeak import EspeakSpeaker
from voice_api.speech.whisper.engine import load_whisper
from voice_api.speech.whisper.layout import read_folder

EMBEDDED = "embedded"
SENTENCE = "how many pods are running"
EMBEDDED_FOLDER = Path(__file__).parent / "models" / EMBEDDED
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
ADDING = ".adding-"
ABANDONED_SECONDS = 3_600
"""Age after which a copy that never became a model was left by a killed process."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A model that can be used by its name."""

    name: str
    folder: Path
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check found: the model loads and listens; `heard` is what it made of SENTENCE."""

    name: str
    folder: Path
    heard: str
    load_seconds: float
    listen_seconds: float


def model_folder(name_or_folder: str, models_folder: Path) -> Path:
    """Where the model is; VoiceApiError when there is neither such a name nor such a folder."""
    if name_or_folder == EMBEDDED:
        return EMBEDDED_FOLDER
    kept = [models_folder / name_or_folder] if NAME.fullmatch(name_or_folder) else []
    for folder in (*kept, Path(name_or_folder).expanduser()):
        if name_or_folder and folder.is_dir():
            return folder
    raise VoiceApiError(
        "model_missing",
        f"there is no speech model {name_or_folder}",
        "see `voice-api model list`, name a folder, or use embedded",
        404,
    )


def load_model(name_or_folder: str, models_folder: Path, threads: int) -> Listener:
    """The model, ready to listen; 0 threads follow the machine's or container's share.

    VoiceApiError for a missing or damaged folder.
    """
    return load_whisper(model_folder(name_or_folder, models_folder), threads or available_threads())


def kept_models(models_folder: Path) -> tuple[Kept, ...]:
    """The embedded model and all that were added."""
    added = sorted(path for path in models_folder.glob("*") if path.is_dir() and NAME.fullmatch(path.name))
    named = [(EMBEDDED, EMBEDDED_FOLDER), *((path.name, path) for path in added)]
    return tuple(Kept(name, folder, _size(folder)) for name, folder in named)


def check_model(name_or_folder: str, models_folder: Path, threads: int = 0) -> Checked:
    """Load the model and let it listen to a synthesised sentence; VoiceApiError if it cannot."""
    folder = model_folder(name_or_folder, models_folder)
    started = time.perf_counter()
    listener = load_model(name_or_folder, models_folder, threads)
    loaded = time.perf_counter()
    sound = _spoken_sentence()
    spoken = time.perf_counter()
    transcript = listener.transcribe(sound, TranscribeOptions())
    listened = time.perf_counter() - spoken
    return Checked(listener.name, folder, transcript.text, loaded - started, listened)


def _spoken_sentence() -> NDArray[np.float32]:
    speaker = EspeakSpeaker()
    sound = np.concatenate(list(speaker.speak(SENTENCE, None, 1.0))) / np.float32(32_768)
    return np.asarray(soxr.resample(sound, speaker.sample_rate, SAMPLE_RATE), dtype=np.float32)


def add_model(
    folder: Path,
    name: str | None,
    models_folder: Path,
    copy: Callable[[Path, Path], object] = shutil.copyfile,
) -> Kept:
    """Copy a model's files under a name, check the copy, and only then make it visible.

    A rename is all that makes it visible: whoever is killed before leaves nothing that has a name.
    """
    folder = folder.expanduser()
    chosen = name or folder.resolve().name
    target = models_folder / chosen
    _check_name(chosen, target)
    files = _files_of(folder)
    try:
        models_folder.mkdir(parents=True, exist_ok=True)
        _sweep(models_folder)
        with tempfile.TemporaryDirectory(prefix=ADDING, dir=models_folder) as fresh:
            copied = Path(fresh) / chosen
            _copy(files, folder, copied, copy)
            check_model(str(copied), models_folder)
            copied.rename(target)
            _flush(models_folder)
    except OSError as error:
        raise _not_copied(models_folder, error) from error
    return Kept(chosen, target, _size(target))


def _files_of(folder: Path) -> tuple[Path, ...]:
    """What a model is loaded from, relative to its folder: its JSON files, graphs and their data."""
    graphs = read_folder(folder).graphs
    loaded = [graph for graph in (graphs.encoder, graphs.decoder, graphs.later_decoder) if graph is not None]
    beside = [path for graph in loaded for path in graph.parent.glob(f"{graph.name}_data*")]
    return tuple(path.relative_to(folder) for path in (*folder.glob("*.json"), *loaded, *beside))


def _copy(files: tuple[Path, ...], source: Path, target: Path, copy: Callable[[Path, Path], object]) -> None:
    for file in files:
        place = target / file
        place.parent.mkdir(parents=True, exist_ok=True)
        copy(source / file, place)
        _flush(place)
    for folder in {(target / file).parent for file in files}:
        _flush(folder)


def _flush(path: Path) -> None:
    """Have a file or folder on disk, so that a power cut after the rename finds it whole."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


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


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
