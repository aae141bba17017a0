"""The model that a service is to listen with: the compiled copy where there is one, by its own name."""

import logging
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from voice_api.compiled_copies import compiled_copy
from voice_api.model import (
    EMBEDDED_FOLDER,
    LoadedModel,
    compiled_precision,
    describe_model,
    load_model,
    model_folder,
)
from voice_api.settings import Settings
from voice_api.speech.protocol import ALONE, Company, Listener, TranscribeOptions, Transcript
from voice_api.speech.whisper.context import AudioContext, Listening

log = logging.getLogger("voice_api.loading")


@dataclass(frozen=True, slots=True)
class NamedListener:
    """A listener under the name of the folder that was asked for, wherever its graphs lie."""

    name: str
    listener: Listener

    def transcribe(
        self, samples: NDArray[np.float32], options: TranscribeOptions, company: Company = ALONE
    ) -> Transcript:
        return self.listener.transcribe(samples, options, company)


Loaded: TypeAlias = tuple[Listener, LoadedModel]


def begin_loading(settings: Settings, models_folder: Path) -> "Future[Loaded]":
    """Load in a thread of its own, beside all that a service has to import and to ask meanwhile."""
    future: Future[Loaded] = Future()

    def load() -> None:
        try:
            future.set_result(load_listener(settings, models_folder))
        except BaseException as error:  # noqa: BLE001  it is raised again where the result is awaited
            future.set_exception(error)

    Thread(target=load, name="loading", daemon=True).start()
    return future


def load_listener(settings: Settings, models_folder: Path) -> Loaded:
    """The listener and what is known of its graphs; VoiceApiError for a missing or damaged folder."""
    asked = model_folder(settings.model, models_folder)
    folder = _folder_to_load(asked, models_folder)
    context: AudioContext = "full" if settings.audio_context == "full" else "auto"
    listener = load_model(str(folder), models_folder, settings.threads, Listening(audio_context=context))
    return NamedListener(asked.name, listener), describe_model(folder)


def _folder_to_load(asked: Path, models_folder: Path) -> Path:
    """The compiled copy of a published folder; without one a log line says how to make it."""
    if compiled_precision(asked):
        return asked
    copy = compiled_copy(models_folder, asked)
    if copy is None and asked != EMBEDDED_FOLDER:
        hint = f"voice-api model compile {asked}"
        log.warning(
            "this model would be faster and smaller compiled", extra={"model": asked.name, "fix": hint}
        )
    return copy or asked
