"""A folder with its graphs loaded, published or compiled, and how it is to listen."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voice_api.speech.stopwatch import Stopwatch
from voice_api.speech.whisper.compiled import CompiledDecoder, CompiledEncoder
from voice_api.speech.whisper.context import ADAPTIVE, Listening, frames_for
from voice_api.speech.whisper.features import FeatureSettings, log_mel
from voice_api.speech.whisper.layout import ModelFolder
from voice_api.speech.whisper.prompts import Prompter
from voice_api.speech.whisper.sessions import GRAPH_ERRORS, Decoder, Encoder, Hidden


@dataclass(frozen=True, slots=True)
class Model:
    """Everything that hearing needs and nothing that it changes."""

    folder: ModelFolder
    encoder: Encoder | CompiledEncoder
    decoder: Decoder | CompiledDecoder
    listening: Listening = ADAPTIVE

    @property
    def prompter(self) -> Prompter:
        return Prompter(self.folder.vocabulary, self.folder.generation)

    @property
    def trained_on_any_length(self) -> bool:
        """Published graphs take any length only where a model was made for it."""
        return self.folder.short_context or (self.encoder.any_length and not self.folder.compiled)

    @property
    def step_seconds(self) -> float:
        """How much sound one position of the encoder stands for."""
        return self.folder.features.chunk_seconds / self.folder.architecture.max_source_positions

    def frames(self, samples: int) -> int:
        """How many frames the encoder is to hear of so many samples."""
        if not self.encoder.any_length or self.listening.audio_context == "full":
            return self.folder.features.chunk_frames
        return frames_for(samples, self.folder.features, self.trained_on_any_length)

    def encode(self, sound: NDArray[np.float32], watch: Stopwatch, frames: int | None = None) -> Hidden:
        """What the decoder hears of at most one chunk of sound; as many frames as needed, unless told."""
        with watch.stage("features"):
            features = log_mel(sound, self.folder.features, frames or self.frames(sound.size))
        with watch.stage("encode"):
            return self.encoder.run(features)


def load_graphs(folder: ModelFolder, threads: int, listening: Listening = ADAPTIVE) -> Model:
    """The model of a folder; ModelFolderError for graphs that are damaged or do not fit."""
    if folder.compiled:
        compiled = CompiledDecoder(folder.path, folder.architecture, threads)
        return Model(folder, CompiledEncoder(folder.path, threads), compiled, listening)
    encoder = Encoder(folder.graphs.encoder, folder.architecture, threads)
    heads = folder.generation.alignment_heads
    decoder = Decoder(folder.graphs, folder.architecture, threads, heads)
    encoder.any_length = encoder.any_length and takes_any_length(encoder, folder.features)
    return Model(folder, encoder, decoder, listening)


def takes_any_length(encoder: Encoder, settings: FeatureSettings) -> bool:
    """Whether a published encoder takes less than a whole chunk, tried: older exports only say so."""
    frames = settings.chunk_frames // 4 * 2
    if not encoder.any_length:
        return False
    try:
        hidden = encoder.run(np.zeros((1, settings.bins, frames), np.float32))
    except GRAPH_ERRORS:
        return False
    return bool(hidden.shape()[1] == frames // 2)
