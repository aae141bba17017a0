"""Whisper folders with random weights, their torch originals, and sound to listen to."""

import sys
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soxr
from numpy.typing import NDArray

from voice_api.speech.protocol import SAMPLE_RATE
from voice_api.speech.speakers.espeak import EspeakSpeaker
from voice_api.speech.whisper.engine import Whisper, load_whisper

sys.path.insert(0, str(Path(__file__).parents[1] / "components" / "whisper"))

from make_folder import FolderOptions, folder_for

Sound = NDArray[np.float32]
Speak = Callable[..., Sound]

LIKE_THE_EMBEDDED = FolderOptions(
    multilingual=False,
    timestamps=False,
    chunk_seconds=6,
    hop_length=320,
    dynamic=True,
    suffixes=("_int8",),
    graphs=("encoder_model", "decoder_model_merged"),
)


@pytest.fixture(scope="session")
def make_folder() -> Callable[..., Path]:
    """make_folder(bins=128, ...) gives a folder; made once per machine, and never changed by a test."""

    @lru_cache
    def make(**options: Any) -> Path:
        return folder_for(FolderOptions(**options))

    return make


@pytest.fixture(scope="session")
def load(make_folder: Callable[..., Path]) -> Callable[..., Whisper]:
    """load(bins=128, ...) gives the loaded folder of these options."""

    @lru_cache
    def load_once(**options: Any) -> Whisper:
        return load_whisper(make_folder(**options), 2)

    return load_once


@pytest.fixture(scope="session")
def small_folder() -> Path:
    """A folder like the embedded model's: int8, dynamic encoder, six seconds, no timestamps."""
    return folder_for(LIKE_THE_EMBEDDED)


@pytest.fixture(scope="session")
def small(small_folder: Path) -> Whisper:
    return load_whisper(small_folder, 2)


@pytest.fixture(scope="session")
def original() -> Callable[[Path], Any]:
    """The transformers model a folder was written from."""

    @lru_cache
    def read(folder: Path) -> Any:
        import torch
        from transformers import WhisperForConditionalGeneration

        torch.set_num_threads(1)  # other tests share the cores
        model = WhisperForConditionalGeneration.from_pretrained(folder / "reference")
        return model.train(False)

    return read


@pytest.fixture(scope="session")
def speak() -> Speak:
    """speak("scale web to three") gives sound as a listener wants it."""
    speaker = EspeakSpeaker()

    @lru_cache
    def say(text: str = "how many pods are not ready", voice: str | None = None) -> Sound:
        sound = np.concatenate(list(speaker.speak(text, voice, 1.0))) / np.float32(32_768)
        return np.asarray(soxr.resample(sound, speaker.sample_rate, SAMPLE_RATE), dtype=np.float32)

    return say
