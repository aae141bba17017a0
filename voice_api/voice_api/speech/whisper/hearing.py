"""One transcription under way: its windows, its language, its options, and nothing of anybody else's."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from voice_api.speech.protocol import SAMPLE_RATE, TranscribeOptions
from voice_api.speech.stopwatch import Stopwatch
from voice_api.speech.vad import SpeechGate
from voice_api.speech.whisper.decode import Decoded, Search, Started
from voice_api.speech.whisper.decoding import Decoding
from voice_api.speech.whisper.fallback import decode_window
from voice_api.speech.whisper.features import log_mel
from voice_api.speech.whisper.languages import detect_language
from voice_api.speech.whisper.layout import ModelFolder
from voice_api.speech.whisper.prompts import ONLY_LANGUAGE, Prompter
from voice_api.speech.whisper.rules import TokenRules
from voice_api.speech.whisper.sessions import Decoder, Encoder, Hidden
from voice_api.speech.whisper.transcripts import Heard, worth_keeping
from voice_api.speech.whisper.windows import Piece, cut_at_silences, pieces_of

MARGIN_SECONDS = 0.5
"""Silence after an utterance where the encoder takes any length: the last word needs to end.

An early embedded model misheard a quarter more words without any, and no fewer with more than this.
"""

BEFORE_SECONDS = 0.25
"""Silence before an utterance where the encoder takes any length.

Half a second of it made an early embedded model mishear a third more words than none or this much.
"""


@dataclass(frozen=True, slots=True)
class Model:
    """A folder with its graphs loaded."""

    folder: ModelFolder
    encoder: Encoder
    decoder: Decoder

    @property
    def prompter(self) -> Prompter:
        return Prompter(self.folder.vocabulary, self.folder.generation)

    def encode(self, sound: NDArray[np.float32], watch: Stopwatch) -> Hidden:
        """Hidden states of at most one chunk of sound."""
        with watch.stage("features"):
            features = log_mel(sound, self.folder.features, self._frames(sound.size))
        with watch.stage("encode"):
            return self.encoder.run(features)

    def _frames(self, samples: int) -> int:
        """A whole chunk, unless the encoder takes less; even, because it halves them."""
        settings = self.folder.features
        if not self.encoder.any_length:
            return settings.chunk_frames
        wanted = samples + round(MARGIN_SECONDS * SAMPLE_RATE)
        return min(settings.chunk_frames, -(-wanted // (2 * settings.hop_length)) * 2)


@dataclass(slots=True)
class Hearing:
    """Hears one sound; language is the one asked for, or the one detected in its first window."""

    model: Model
    gate: SpeechGate
    options: TranscribeOptions
    watch: Stopwatch
    language: str | None = None
    random: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))

    def __post_init__(self) -> None:
        multilingual = self.model.folder.generation.multilingual
        self.language = self.options.language or (None if multilingual else ONLY_LANGUAGE)

    def windows(self, sound: NDArray[np.float32]) -> list[Heard]:
        """Every window that holds speech, one after the other.

        Models that tell the time say themselves where the next window begins; else cuts lie in silence.
        """
        longest = self.model.folder.features.chunk_samples
        timed = self._timed(sound.size > longest)
        ends = {} if timed or sound.size <= longest else self._cuts(sound, longest)
        heard: list[Heard] = []
        position = 0
        while position < sound.size:
            window = sound[position : ends.get(position, position + longest)]
            consumed = window.size
            begin = self._first_speech(window)
            if begin is not None:
                decoded = self._decoded(window[self._skipped(begin, timed) :], timed)
                pieces, seconds = self._pieces(decoded, window.size / SAMPLE_RATE, timed)
                heard += [Heard(position / SAMPLE_RATE, decoded, pieces)] if pieces else []
                consumed = min(consumed, round(seconds * SAMPLE_RATE))
            position += consumed
        return heard

    def _cuts(self, sound: NDArray[np.float32], longest: int) -> dict[int, int]:
        """Where the window ends that begins at a sample."""
        with self.watch.stage("vad"):
            return dict(cut_at_silences(sound.size, self.gate.speech_spans(sound), longest))

    def _first_speech(self, window: NDArray[np.float32]) -> int | None:
        with self.watch.stage("vad"):
            return self.gate.first_speech(window)

    def _skipped(self, begin: int, timed: bool) -> int:
        """Samples of silence that the encoder need not hear; a model that tells the time counts them."""
        if timed or not self.model.encoder.any_length:
            return 0
        return max(0, begin - round(BEFORE_SECONDS * SAMPLE_RATE))

    def _timed(self, long: bool) -> bool:
        knows_time = self.model.folder.generation.first_timestamp is not None
        return knows_time and (long or self.options.timestamps)

    def _decoded(self, sound: NDArray[np.float32], timed: bool) -> Decoded:
        hidden = self.model.encode(sound, self.watch)
        with self.watch.stage("decode"):
            return self._decode(hidden, timed)

    def _decode(self, hidden: Hidden, timed: bool) -> Decoded:
        folder, prompter = self.model.folder, self.model.prompter

        def begin() -> Decoding:
            return self.model.decoder.begin(hidden)

        started = self._detect_language(begin()) if self.language is None else None
        prompt = prompter.prompt(self.options, self.language or ONLY_LANGUAGE, timed)
        return decode_window(
            begin,
            prompt,
            TokenRules(folder.generation, timed),
            Search(self.options.temperature, self.options.beams, self.random),
            lambda tokens: folder.vocabulary.text(tokens, folder.generation),
            started=None if prompt.start_index else started,
        )

    def _detect_language(self, decoding: Decoding) -> Started:
        """Sets the language; what has begun serves a prompt that begins with the start token."""
        prompter = self.model.prompter
        self.language, started = detect_language(decoding, prompter.generation, prompter.no_speech_token)
        return started

    def _pieces(self, decoded: Decoded, seconds: float, timed: bool) -> tuple[tuple[Piece, ...], float]:
        """What to keep of a window of that many seconds, and how many of them are done with."""
        if not worth_keeping(decoded):
            return (), seconds
        folder = self.model.folder
        first = folder.generation.first_timestamp
        if not timed or first is None:
            return (Piece(0.0, seconds, decoded.tokens),), seconds
        step_seconds = folder.features.chunk_seconds / folder.architecture.max_source_positions
        return pieces_of(decoded.tokens, first, step_seconds, seconds)
