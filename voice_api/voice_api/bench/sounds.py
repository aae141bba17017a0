"""Speech of an exact length to measure with, as samples and as files."""

import io
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from voice_api.speech.protocol import SAMPLE_RATE
from voice_api.speech.speakers.espeak import EspeakSpeaker

TEXT = "How many pods are not ready in the production namespace? Scale the web deployment to three replicas. "
RECORDED_RATE = 48_000
"""What microphones of browsers and phones give."""


def spoken(seconds: float) -> NDArray[np.float32]:
    """Mono speech of SAMPLE_RATE, exactly so many seconds of it, said again as often as it needs."""
    speaker = EspeakSpeaker()
    said = np.concatenate(list(speaker.speak(TEXT, None, 1.0))) / np.float32(32_768)
    sound = np.asarray(soxr.resample(said, speaker.sample_rate, SAMPLE_RATE), dtype=np.float32)
    return np.resize(sound, round(seconds * SAMPLE_RATE))


def kept(sound: NDArray[np.float32], folder: Path) -> Path:
    """The sound as a file that a worker reads."""
    path = folder / f"{sound.size}.npy"
    np.save(path, sound)
    return path


def wav(sound: NDArray[np.float32], sample_rate: int = SAMPLE_RATE) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, sound, sample_rate, format="WAV", subtype="PCM_16")
    return file.getvalue()


def recorded(sound: NDArray[np.float32]) -> NDArray[np.float32]:
    """The same sound at RECORDED_RATE."""
    return np.asarray(soxr.resample(sound, SAMPLE_RATE, RECORDED_RATE), dtype=np.float32)
