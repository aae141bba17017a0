"""One transcription under way: its windows, its language, its options, and nothing of anybody else's."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from voice_api.speech.protocol import ALONE, SAMPLE_RATE, Company, TranscribeOptions, Word
from voice_api.speech.stopwatch import Stopwatch
from voice_api.speech.vad import CHUNK_SAMPLES, SpeechGate, levels_of
from voice_api.speech.whisper.context import CONTEXT, suspicious
from voice_api.speech.whisper.decode import Decoded, Search, Started
from voice_api.speech.whisper.decoding import Decoding
from voice_api.speech.whisper.fallback import TEMPERATURES, decode_window
from voice_api.speech.whisper.keywords import keywords_of
from voice_api.speech.whisper.languages import detect_language
from voice_api.speech.whisper.layout import ModelFolder
from voice_api.speech.whisper.model import Model
from voice_api.speech.whisper.prompts import ONLY_LANGUAGE
from voice_api.speech.whisper.rules import TokenRules
from voice_api.speech.whisper.sessions import Hidden
from voice_api.speech.whisper.transcripts import Heard, segments_of, worth_keeping
from voice_api.speech.whisper.windows import Piece, cut_after, pieces_of
from voice_api.speech.whisper.words import WordTimes

BEFORE_SECONDS = 0.25
"""Silence before an utterance where the encoder takes any length.

Half a second of it made an early embedded model mishear a third more words than none or this much.
"""


@dataclass(frozen=True, slots=True)
class Utterance:
    """What the encoder is to hear of a window.

    begin_seconds  where it begins in the window; below 0 where silence was put before it
    """

    samples: NDArray[np.float32]
    begin_seconds: float


@dataclass(frozen=True, slots=True)
class Attempt:
    """What was decoded, and what it was decoded from."""

    decoded: Decoded
    hidden: Hidden


@dataclass(frozen=True, slots=True)
class Spoken:
    """A window in which somebody speaks, in seconds of the whole sound, and what was decoded of it."""

    start_seconds: float
    seconds: float
    timed: bool
    utterance: Utterance
    attempt: Attempt


@dataclass(slots=True)
class Hearing:
    """Hears one sound; language is the one asked for, or the one detected in its first window.

    only  the window to hear again with live names: where they are given, and while nobody speaks in another
    """

    model: Model
    gate: SpeechGate
    options: TranscribeOptions
    watch: Stopwatch
    company: Company = ALONE
    language: str | None = None
    random: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))
    only: Spoken | None = None
    _utterances: int = 0

    def __post_init__(self) -> None:
        multilingual = self.folder.generation.multilingual
        self.language = self.options.language or (None if multilingual else ONLY_LANGUAGE)

    @property
    def folder(self) -> ModelFolder:
        return self.model.folder

    def windows(self, sound: NDArray[np.float32]) -> Iterator[Heard]:
        """Every window that holds words, one after the other.

        Models that tell the time say themselves where the next window begins; else cuts lie in pauses.
        """
        longest = self.folder.features.chunk_samples
        timed = self._timed(sound.size > longest)
        levels = levels_of(sound) if sound.size > longest and not timed else None
        position = 0
        while position < sound.size:
            self.company.go_on()
            size = longest if levels is None else self._size(levels[position // CHUNK_SAMPLES :])
            window = sound[position : position + size]
            heard, seconds = self._heard(window, position, timed)
            position += min(window.size, round(seconds * SAMPLE_RATE))
            if heard is not None:
                yield heard

    def _size(self, levels: NDArray[np.float32]) -> int:
        """Samples of the next window, of the levels of all that is left."""
        longest = self.folder.features.chunk_samples // CHUNK_SAMPLES
        return cut_after(levels, longest) * CHUNK_SAMPLES

    def _heard(self, window: NDArray[np.float32], start: int, timed: bool) -> tuple[Heard | None, float]:
        """What the window says that starts at a sample, and how many seconds of it are done with."""
        seconds = window.size / SAMPLE_RATE
        utterance = self._utterance(window, timed)
        if utterance is None:
            return None, seconds
        self.only = None  # what the encoder made of it is let go before it makes more
        self._utterances += 1
        attempt = self._attempted(utterance.samples, timed)
        if not worth_keeping(attempt.decoded):
            return None, seconds
        spoken = Spoken(start / SAMPLE_RATE, seconds, timed, utterance, attempt)
        self.only = spoken if self.options.live and self._utterances == 1 else None
        return self.told(spoken)

    def told(self, spoken: Spoken) -> tuple[Heard, float]:
        """The words of a window and when they were said, and how many seconds of it are done with."""
        decoded, utterance = spoken.attempt.decoded, spoken.utterance
        pieces, done = self._pieces(decoded, spoken.seconds, spoken.timed)
        words = self._words(spoken.attempt, pieces, utterance)
        starts = spoken.start_seconds, spoken.start_seconds + utterance.begin_seconds
        return Heard(decoded, segments_of(decoded, pieces, words, starts, self.folder)), done

    def _words(
        self, attempt: Attempt, pieces: Sequence[Piece], utterance: Utterance
    ) -> Sequence[tuple[Word, ...]]:
        """The words of each piece, timed from the utterance's start; none unless they were asked for."""
        if not self.options.words:
            return [()] * len(pieces)
        options = replace(self.options, prompt=None, keywords=())
        language = self.language or ONLY_LANGUAGE
        times = WordTimes(
            lambda: self.model.decoder.begin(attempt.hidden),
            self.model.prompter.prompt(options, language, timestamps=False),
            self.folder.vocabulary,
            self.folder.generation,
            language,
            self.model.step_seconds,
        )
        heard = [piece.moved(-utterance.begin_seconds) for piece in pieces]
        return times.words(attempt.decoded, heard, utterance.samples.size / SAMPLE_RATE)

    def _utterance(self, window: NDArray[np.float32], timed: bool) -> Utterance | None:
        """What the encoder is to hear of a window, None where nobody speaks.

        An encoder of any length hears BEFORE_SECONDS of silence before the first word: more is cut off, and
        what is missing added. A model that tells the time counts the silence before.
        """
        with self.watch.stage("vad"):
            first_word = self.gate.first_speech(window, self.company.go_on)
        if first_word is None or timed or not self.model.encoder.any_length:
            return None if first_word is None else Utterance(window, 0.0)
        begin = first_word - round(BEFORE_SECONDS * SAMPLE_RATE)
        missing = min(-begin, self.folder.features.chunk_samples - window.size)
        if missing <= 0:
            return Utterance(window[max(0, begin) :], max(0, begin) / SAMPLE_RATE)
        return Utterance(np.pad(window, (missing, 0)), -missing / SAMPLE_RATE)

    def _timed(self, long: bool) -> bool:
        knows_time = self.folder.generation.first_timestamp is not None
        return knows_time and (long or self.options.timestamps)

    def _attempted(self, sound: NDArray[np.float32], timed: bool) -> Attempt:
        """From as much context as the sound needs; from a whole chunk where that cannot be trusted."""
        model, language = self.model, self.language
        frames, whole = model.frames(sound.size), self.folder.features.chunk_frames
        again = TEMPERATURES if model.listening.retries else TEMPERATURES[:1]
        if frames == whole or model.trained_on_any_length or not model.listening.retries:
            return self._attempt(sound, frames, timed, again)
        attempt = self._attempt(sound, frames, timed, TEMPERATURES[:1])
        text = self._text(attempt.decoded.tokens)
        if not suspicious(attempt.decoded, text, self.folder.generation.end_token):
            return attempt
        self.language = language
        decided = self._attempt(sound, whole, timed, again)
        return replace(decided, decoded=replace(decided.decoded, retries=(CONTEXT, *decided.decoded.retries)))

    def _attempt(
        self, sound: NDArray[np.float32], frames: int, timed: bool, temperatures: Sequence[float]
    ) -> Attempt:
        hidden = self.model.encode(sound, self.watch, frames)
        with self.watch.stage("decode"):
            return Attempt(self._decode(hidden, timed, temperatures), hidden)

    def _decode(self, hidden: Hidden, timed: bool, temperatures: Sequence[float]) -> Decoded:
        def begin() -> Decoding:
            return self.model.decoder.begin(hidden)

        started = self._detect_language(begin()) if self.language is None else None
        prompt = self.model.prompter.prompt(self.options, self.language or ONLY_LANGUAGE, timed)
        return decode_window(
            begin,
            prompt,
            TokenRules(self.folder.generation, timed),
            self.search,
            self._text,
            started=None if prompt.start_index else started,
            temperatures=temperatures,
        )

    @property
    def search(self) -> Search:
        options = self.options
        keywords = keywords_of(options.keywords, self.folder.vocabulary)
        return Search(options.temperature, options.beams, self.random, self.company.go_on, keywords)

    def _text(self, tokens: Sequence[int]) -> str:
        return self.folder.vocabulary.text(tokens, self.folder.generation)

    def _detect_language(self, decoding: Decoding) -> Started:
        """Sets the language; what has begun serves a prompt that begins with the start token."""
        prompter = self.model.prompter
        self.language, started = detect_language(decoding, prompter.generation, prompter.no_speech_token)
        return started

    def _pieces(self, decoded: Decoded, seconds: float, timed: bool) -> tuple[tuple[Piece, ...], float]:
        """What a window of that many seconds says when, and how many of them are done with."""
        first = self.folder.generation.first_timestamp
        if not timed or first is None:
            return (Piece(0.0, seconds, decoded.tokens),), seconds
        return pieces_of(decoded.tokens, first, self.model.step_seconds, seconds)
