"""Speech models by name: the embedded one, those that were added, and any folder."""

import json
import re
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

from voice_api.errors import VoiceApiError
from voice_api.speech.protocol import SAMPLE_RATE, Listener, TranscribeOptions
from voice_api.speech.runtime import available_threads
from voice_api.speech.speakers.espeak import EspeakSpeaker
from voice_api.speech.whisper.context import ADAPTIVE, Listening
from voice_api.speech.whisper.engine import load_whisper
from voice_api.speech.whisper.layout import read_folder

EMBEDDED = "embedded"
SENTENCE = "how many pods are running"
EMBEDDED_FOLDER = Path(__file__).parent / "models" / EMBEDDED
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
COMPILED = "compiled.json"


@dataclass(frozen=True, slots=True)
class Kept:
    """A model that can be used by its name."""

    name: str
    folder: Path
    size_bytes: int
    precision: str | None = None
    """Of the weights where the model is compiled; None where it is as published."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check found: the model loads and listens; `heard` is what it made of SENTENCE."""

    name: str
    folder: Path
    heard: str
    load_seconds: float
    listen_seconds: float


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """What is known of a model's graphs; attention is the variant that a compiled one chose."""

    precision: str = "unknown"
    attention: str | None = None


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


def load_model(
    name_or_folder: str, models_folder: Path, threads: int, listening: Listening = ADAPTIVE
) -> Listener:
    """The model, ready to listen; 0 threads follow the machine's or container's share.

    VoiceApiError for a missing or damaged folder.
    """
    folder = model_folder(name_or_folder, models_folder)
    return load_whisper(folder, threads or available_threads(), listening)


def describe_model(folder: Path) -> LoadedModel:
    """What /health tells of a model; a published folder's precision is in the names of its graphs."""
    precision = compiled_precision(folder)
    if precision is None:
        encoder = read_folder(folder).graphs.encoder.stem
        return LoadedModel(encoder.removeprefix("encoder_model").strip("_") or "fp32")
    about = json.loads((folder / COMPILED).read_text(encoding="utf-8"))
    return LoadedModel(precision, _variant(about.get("attention")))


def _variant(attention: object) -> str | None:
    """The name of the variant, which stands with the figures that chose it."""
    if isinstance(attention, dict):
        return str(attention.get("chosen", "unknown"))
    return None if attention is None else str(attention)


def kept_models(models_folder: Path) -> tuple[Kept, ...]:
    """The embedded model and all that were added."""
    added = sorted(path for path in models_folder.glob("*") if path.is_dir() and NAME.fullmatch(path.name))
    named = [(EMBEDDED, EMBEDDED_FOLDER), *((path.name, path) for path in added)]
    return tuple(kept_model(name, folder) for name, folder in named)


def compiled_precision(folder: Path) -> str | None:
    """The precision of a compiled folder's weights; None for one that is as published."""
    try:
        return str(json.loads((folder / COMPILED).read_text(encoding="utf-8"))["precision"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, LookupError, TypeError) as error:
        message = f"{folder / COMPILED} cannot be read: {type(error).__name__}"
        raise VoiceApiError("model_damaged", message, "compile the model again", 500) from error


def kept_model(name: str, folder: Path) -> Kept:
    """What a list tells of a model."""
    return Kept(name, folder, _size(folder), compiled_precision(folder))


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


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
