"""Speech models by name: the embedded one, those that were added, and any folder."""

import errno
import re
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from voice_api.errors import VoiceApiError
from voice_api.speech.protocol import SAMPLE_RATE, Listener, TranscribeOptions
from voice_api.speech.whisper.engine import load_whisper

EMBEDDED = "embedded"
EMBEDDED_FOLDER = Path(__file__).parent / "models" / "embedded"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Kept:
    """A model that can be used by its name."""

    name: str
    folder: Path
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check found: the model loads and listens."""

    name: str
    folder: Path
    load_seconds: float
    listen_seconds: float


def model_folder(name_or_folder: str, models_folder: Path) -> Path:
    """Where the model is; VoiceApiError when there is neither such a name nor such a folder."""
    if name_or_folder == EMBEDDED:
        return EMBEDDED_FOLDER
    kept = models_folder / name_or_folder
    for folder in (kept, Path(name_or_folder).expanduser()):
        if folder.is_dir():
            return folder
    raise VoiceApiError(
        "model_missing",
        f"there is no speech model {name_or_folder}",
        "see `voice-api model list`, name a folder, or use embedded",
        404,
    )


def load_model(name_or_folder: str, models_folder: Path, threads: int) -> Listener:
    """The model, ready to listen; VoiceApiError for a missing or damaged folder."""
    return load_whisper(model_folder(name_or_folder, models_folder), threads)


def kept_models(models_folder: Path) -> tuple[Kept, ...]:
    """The embedded model and all that were added."""
    added = sorted(path for path in models_folder.glob("*") if path.is_dir() and NAME.fullmatch(path.name))
    named = [(EMBEDDED, EMBEDDED_FOLDER), *((path.name, path) for path in added)]
    return tuple(Kept(name, folder, _size(folder)) for name, folder in named)


def check_model(name_or_folder: str, models_folder: Path, threads: int = 0) -> Checked:
    """Load the model and let it listen to three seconds of quiet noise; VoiceApiError if it cannot."""
    started = time.perf_counter()
    listener = load_model(name_or_folder, models_folder, threads)
    loaded = time.perf_counter()
    noise = np.random.default_rng(0).normal(0, 0.05, 3 * SAMPLE_RATE).astype(np.float32)
    listener.transcribe(noise, TranscribeOptions())
    ended = time.perf_counter()
    folder = model_folder(name_or_folder, models_folder)
    return Checked(listener.name, folder, loaded - started, ended - loaded)


def add_model(folder: Path, name: str | None, models_folder: Path) -> Kept:
    """Check the folder, then copy it under a name; nothing is left behind when that fails."""
    chosen = name or folder.resolve().name
    target = models_folder / chosen
    _check_name(chosen, target)
    check_model(str(folder), models_folder)
    try:
        models_folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".adding-", dir=models_folder) as fresh:
            copied = Path(fresh) / chosen
            shutil.copytree(folder, copied)
            copied.rename(target)
    except (OSError, shutil.Error) as error:
        raise _not_copied(models_folder, error) from None
    return Kept(chosen, target, _size(target))


def _check_name(name: str, target: Path) -> None:
    if name == EMBEDDED or not NAME.fullmatch(name):
        fix = "choose one of letters, digits, dots and dashes, with --name"
        raise VoiceApiError("bad_name", f"a model cannot be called {name}", fix)
    if target.exists():
        fix = f"choose another with --name, or delete {target}"
        raise VoiceApiError("name_taken", f"there is already a model {name}", fix, 409)


def _not_copied(models_folder: Path, error: Exception) -> VoiceApiError:
    full = isinstance(error, OSError) and error.errno == errno.ENOSPC
    reason = "the disk is full" if full else str(error)
    fix = "make room" if full else "make the folder writable, or name another with --models-folder"
    return VoiceApiError(
        "not_copied", f"the model could not be copied to {models_folder}: {reason}", fix, 500
    )


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
