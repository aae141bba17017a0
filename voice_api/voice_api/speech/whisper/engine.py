"""Speech to text with a Whisper folder, behind the silence gate."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voice_api.errors import VoiceApiError
from voice_api.speech.protocol import ALONE, SAMPLE_RATE, Company, TranscribeOptions, Transcript
from voice_api.speech.runtime import trim_memory
from voice_api.speech.stopwatch import Stopwatch
from voice_api.speech.vad import SpeechGate
from voice_api.speech.whisper.confidence import Statistics
from voice_api.speech.whisper.context import ADAPTIVE, Listening
from voice_api.speech.whisper.errors import ModelFolderError
from voice_api.speech.whisper.hearing import Hearing
from voice_api.speech.whisper.layout import read_folder
from voice_api.speech.whisper.model import Model, load_graphs
from voice_api.speech.whisper.prompts import ONLY_LANGUAGE
from voice_api.speech.whisper.second_hearing import Told, understood
from voice_api.speech.whisper.sessions import GRAPH_ERRORS
from voice_api.speech.whisper.transcripts import Heard, transcript_of


def load_whisper(folder: Path, threads: int, listening: Listening = ADAPTIVE) -> "Whisper":
    """A listener that has decoded once; ModelFolderError for every damage of the folder."""
    whisper = Whisper(load_graphs(read_folder(folder), threads, listening))
    whisper.warm_up()
    trim_memory()
    return whisper


class Whisper:
    """One loaded model; keeps nothing from one transcription to the next, and hears several at once."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self._gate = SpeechGate()

    @property
    def name(self) -> str:
        return self.model.folder.path.name

    @property
    def languages(self) -> tuple[str, ...]:
        """Codes of the languages that may be asked for."""
        generation = self.model.folder.generation
        return tuple(sorted(generation.languages)) if generation.multilingual else (ONLY_LANGUAGE,)

    def warm_up(self) -> None:
        """Decode noise: the first caller does not wait, and a graph that cannot compute is found now."""
        noise = np.random.default_rng(0).normal(0.0, 0.1, SAMPLE_RATE).astype(np.float32)
        folder = self.model.folder
        try:
            decoding = self.model.decoder.begin(self.model.encode(noise, Stopwatch()))
            logits = [decoding.feed(np.array([[folder.generation.start_token]]))[0] for _ in range(2)]
        except GRAPH_ERRORS as error:
            message = f"the graphs of {folder.path} do not run: {error!s:.160}"
            raise ModelFolderError(message, "take all files from the same model") from error
        if not np.isfinite(logits).all() or logits[0].shape[1] != folder.architecture.vocab_size:
            message = f"{folder.graphs.decoder} computes no usable numbers"
            raise ModelFolderError(message, "copy encoder and decoder again whole")

    def transcribe(
        self, samples: NDArray[np.float32], options: TranscribeOptions, company: Company = ALONE
    ) -> Transcript:
        """Hear mono sound of 16 kHz, [samples]; VoiceApiError for a language or task it does not have."""
        return self.measure(samples, options, company)[0]

    def measure(
        self, samples: NDArray[np.float32], options: TranscribeOptions, company: Company = ALONE
    ) -> tuple[Transcript, Statistics]:
        """Like transcribe, with the statistics that a calibration is fitted to."""
        self.model.prompter.refuse_unknown(options)
        sound, hearing = cleaned(samples), Hearing(self.model, self._gate, options, Stopwatch(), company)
        try:
            return self._told(hearing, sound)
        except GRAPH_ERRORS as error:
            fix = f"try `voice-api model check {self.model.folder.path}`, or another model"
            raise VoiceApiError("model_failed", f"the model failed: {error!s:.160}", fix, 500) from error

    def _told(self, hearing: Hearing, sound: NDArray[np.float32]) -> Told:
        live, heard = hearing.options.live, list[Heard]()
        for window in hearing.windows(sound):
            heard.append(window)
            if live is None:
                hearing.company.tell(window.segments)

        def tell(windows: Sequence[Heard]) -> Told:
            language = hearing.language or ONLY_LANGUAGE
            return transcript_of(windows, sound, language, self.model.folder, hearing.watch)

        if live is None:
            return tell(heard)
        told = understood(hearing, tell(heard), lambda window: tell([window]), live)
        hearing.company.tell(told[0].segments)
        return told


def cleaned(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sound without the numbers that a broken file may hold: silence for NaN, full scale at most."""
    if samples.size and samples.min() >= -1.0 and samples.max() <= 1.0:  # never true where one is NaN
        return samples.astype(np.float32, copy=False)
    finite = np.nan_to_num(samples.astype(np.float32, copy=False), nan=0.0, posinf=1.0, neginf=-1.0)
    return np.clip(finite, -1.0, 1.0)
