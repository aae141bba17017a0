"""One transcription under way: its windows, its language, its options, and nothing of anybody else's."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from voice_api.speech.protocol import ALONE, SAMPLE_RATE, Company, TranscribeOptions
from voice_api.speech.stopwatch import Stopwatch
from voice_api.speech.vad import SpeechGate
from voice_api.speech.whisper.context import ADAPTIVE, CONTEXT, Listening, frames_for, suspicious
from voice_api.speech.whisper.decode import Decoded, Search, Started
from voice_api.speech.whisper.decoding import Decoding
from voice_api.speech.whisper.fallback import TEMPERATURES, decode_window
from voice_api.speech.whisper.features import log_mel
from voice_api.speech.whisper.keywords import keywords_of
from voice_api.speech.whisper.languages import detect_language
from voice_api.speech.whisper.layout import ModelFolder
from voice_api.speech.whisper.prompts import ONLY_LANGUAGE, Prompter
from voice_api.speech.whisper.rules import TokenRules
from voice_api.speech.whisper.sessions import Decoder, Encoder, Hidden
from voice_api.speech.whisper.transcripts import Heard, segments_of, worth_keeping
from voice_api.speech.whisper.windows import Piece, cut_at_silences, pieces_of

BEFORE_SECONDS = 0.25
"""Silence before an utterance where the encoder takes any length.

Half a second of it made an early embedded model mishear a third more words than none or this much.
"""


@dataclass(frozen=True, slots=True)
class Model:
    """A folder with its graphs loaded, and how it is to listen."""

    folder: ModelFolder
    encoder: Encoder
    decoder: Decoder
    listening: Listening = ADAPTIVE

    @property
    def prompter(self) -> Prompter:
        return Prompter(self.folder.vocabulary, self.folder.generation)

    @property
    def trained_on_any_length(self) -> bool:
        """Published graphs take any length only where a model was made for it."""
        return self.folder.short_context or (self.encoder.any_length and not self.folder.compiled)

    def frames(self, samples: int) -> int:
        """How many frames the encoder is to hear of so many samples."""
        if not self.encoder.any_length or self.listening.audio_context == "full":
            return self.folder.features.chunk_frames
        return frames_for(samples, self.folder.features, self.trained_on_any_length)

    def encode(self, sound: NDArray[np.float32], watch: Stopwatch, frames: int | None = None) -> Hidden:
        """Hidden states of at most one chunk of sound; as many frames as it needs, unless told."""
        with watch.stage("features"):
            features = log_mel(sound, self.folder.features, frames or self.frames(sound.size))
        with watch.stage("encode"):
            return self.encoder.run(features)


@dataclass(slots=True)
class Hearing:
    """Hears one sound; language is the one asked for, or the one detected in its first window."""

    model: Model
    gate: SpeechGate
    options: TranscribeOptions
    watch: Stopwatch
    company: Company = ALONE
    language: str | None = None
    random: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))

    def __post_init__(self) -> None:
        multilingual = self.model.folder.generation.multilingual
        self.language = self.options.language or (None if multilingual else ONLY_LANGUAGE)

    def windows(self, sound: NDArray[np.float32]) -> Iterator[Heard]:
        """Every window that holds words, one after the other.

        Models that tell the time say themselves where the next window begins; else cuts lie in silence.
        """
        longest = self.model.folder.features.chunk_samples
        timed = self._timed(sound.size > longest)
        ends = {} if timed or sound.size <= longest else self._cuts(sound, longest)
        position = 0
        while position < sound.size:
            self.company.go_on()
            window = sound[position : ends.get(position, position + longest)]
            heard, seconds = self._heard(window, position / SAMPLE_RATE, timed)
            position += min(window.size, round(seconds * SAMPLE_RATE))
            if heard is not None:
                yield heard

    def _heard(
        self, window: NDArray[np.float32], start_seconds: float, timed: bool
    ) -> tuple[Heard | None, float]:
        """What a window says, None for nothing, and how many seconds of it are done with."""
        seconds = window.size / SAMPLE_RATE
        utterance = self._utterance(window, timed)
        if utterance is None:
            return None, seconds
        decoded = self._decoded(utterance, timed)
        if not worth_keeping(decoded):
            return None, seconds
        pieces, done = self._pieces(decoded, seconds, timed)
        return Heard(decoded, segments_of(decoded, pieces, start_seconds, self.model.folder)), done

    def _cuts(self, sound: NDArray[np.float32], longest: int) -> dict[int, int]:
        """Where the window ends that begins at a sample."""
        with self.watch.stage("vad"):
            return dict(cut_at_silences(sound.size, self.gate.speech_spans(sound), longest))

    def _utterance(self, window: NDArray[np.float32], timed: bool) -> NDArray[np.float32] | None:
        """What the encoder is to hear of a window, None where nobody speaks.

        An encoder of any length hears BEFORE_SECONDS of silence before the first word: more is cut off, and
        what is missing added. A model that tells the time counts the silence before.
        """
        with self.watch.stage("vad"):
            begin = self.gate.first_speech(window)
        if begin is None or timed or not self.model.encoder.any_length:
            return None if begin is None else window
        before = round(BEFORE_SECONDS * SAMPLE_RATE)
        missing = min(before - begin, self.model.folder.features.chunk_samples - window.size)
        return np.pad(window[max(0, begin - before) :], (max(0, missing), 0))

    def _timed(self, long: bool) -> bool:
        knows_time = self.model.folder.generation.first_timestamp is not None
        return knows_time and (long or self.options.timestamps)

    def _decoded(self, sound: NDArray[np.float32], timed: bool) -> Decoded:
        """From as much context as the sound needs; from a whole chunk where that cannot be trusted."""
        model, language = self.model, self.language
        frames, whole = model.frames(sound.size), model.folder.features.chunk_frames
        again = TEMPERATURES if model.listening.retries else TEMPERATURES[:1]
        if frames == whole or model.trained_on_any_length or not model.listening.retries:
            return self._attempt(sound, frames, timed, again)
        decoded = self._attempt(sound, frames, timed, TEMPERATURES[:1])
        if not suspicious(decoded, self._text(decoded.tokens), model.folder.generation.end_token):
            return decoded
        self.language = language
        decided = self._attempt(sound, whole, timed, again)
        return replace(decided, retries=(CONTEXT, *decided.retries))

    def _attempt(
        self, sound: NDArray[np.float32], frames: int, timed: bool, temperatures: Sequence[float]
    ) -> Decoded:
        hidden = self.model.encode(sound, self.watch, frames)
        with self.watch.stage("decode"):
            return self._decode(hidden, timed, temperatures)

    def _decode(self, hidden: Hidden, timed: bool, temperatures: Sequence[float]) -> Decoded:
        def begin() -> Decoding:
            return self.model.decoder.begin(hidden)

        started = self._detect_language(begin()) if self.language is None else None
        prompt = self.model.prompter.prompt(self.options, self.language or ONLY_LANGUAGE, timed)
        return decode_window(
            begin,
            prompt,
            TokenRules(self.model.folder.generation, timed),
            self._search(),
            self._text,
            started=None if prompt.start_index else started,
            temperatures=temperatures,
        )

    def _search(self) -> Search:
        options = self.options
        keywords = keywords_of(options.keywords, self.model.folder.vocabulary)
        return Search(options.temperature, options.beams, self.random, self.company.go_on, keywords)

    def _text(self, tokens: Sequence[int]) -> str:
        return self.model.folder.vocabulary.text(tokens, self.model.folder.generation)

    def _detect_language(self, decoding: Decoding) -> Started:
        """Sets the language; what has begun serves a prompt that begins with the start token."""
        prompter = self.model.prompter
        self.language, started = detect_language(decoding, prompter.generation, prompter.no_speech_token)
        return started

    def _pieces(self, decoded: Decoded, seconds: float, timed: bool) -> tuple[tuple[Piece, ...], float]:
        """What to keep of a window of that many seconds, and how many of them are done with."""
        folder = self.model.folder
        first = folder.generation.first_timestamp
        if not timed or first is None:
            return (Piece(0.0, seconds, decoded.tokens),), seconds
        step_seconds = folder.features.chunk_seconds / folder.architecture.max_source_positions
        return pieces_of(decoded.tokens, first, step_seconds, seconds)
