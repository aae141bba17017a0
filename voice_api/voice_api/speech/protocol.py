"""What the rest of voice-api may ask of a speech engine, and what it gets back."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16_000
"""Samples a second of all sound that is listened to."""

Task = Literal["transcribe", "translate"]


@dataclass(frozen=True, slots=True)
class Word:
    """One word, with the punctuation that sticks to it, and when it was said."""

    text: str
    start_seconds: float
    end_seconds: float
    probability: float


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of sound and the words heard in it.

    words  when they were asked for and the model can tell; else empty
    """

    start_seconds: float
    end_seconds: float
    text: str
    average_log_probability: float
    no_speech_probability: float
    token_ids: tuple[int, ...]
    temperature: float = 0.0
    words: tuple[Word, ...] = ()


NamesOutcome = Literal["unneeded", "not_tried", "late", "kept", "taken"]
"""What came of live names.

unneeded   what was heard without them is understood
not_tried  its words are near to no name, or it is more than one utterance
late       there was no time to hear it again
kept       it was heard again, and what was heard first stands
taken      what was heard with names stands
"""


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was heard.

    confidence  0 to 1, calibrated; None when the model folder carries no calibration
    doubtful    the confidence is below the folder's threshold
    reason      why there is no text: "no_speech" when the silence gate found nothing to listen to
    timings_ms  keys "vad", "features", "encode", "decode"
    retries     why windows were decoded again, such as "context" (the short context was not trusted)
                and "temperature"; empty when the first decoding stood
    names       what came of live names; None where none were given
    first       what was heard without names, where the second hearing was taken; else None
    billed_seconds  of sound, as an engine elsewhere counts them; None where nobody does
    emotions    scores by name, where an engine tells them; passed on, and never acted on
    """

    text: str
    language: str
    duration_seconds: float
    segments: tuple[Segment, ...]
    confidence: float | None
    doubtful: bool
    reason: str | None
    timings_ms: Mapping[str, float]
    retries: tuple[str, ...] = ()
    names: NamesOutcome | None = None
    first: "Transcript | None" = None
    billed_seconds: float | None = None
    emotions: Mapping[str, float] = field(default_factory=dict)


class Understanding(Protocol):
    """Judges sentences for a listener, while others wait: at once, and nothing comes of it."""

    def settled(self, text: str) -> bool:
        """Whether `text` is to be taken as it was heard first."""
        ...

    def better(self, text: str, than: str) -> bool:
        """Whether `text`, heard with names, is to be taken instead of the first."""
        ...


@dataclass(frozen=True, slots=True)
class LiveNames:
    """Names that are favoured in a second hearing of the same sound, where the first is not understood.

    names  the likeliest first
    until  of time.monotonic: whatever is not heard by then stays as it was heard first
    """

    names: tuple[str, ...]
    understanding: Understanding
    until: float = inf


@dataclass(frozen=True, slots=True)
class TranscribeOptions:
    """How to listen.

    language     code such as "en"; None lets a multilingual model detect it
    prompt       words that are likely to occur; never the transcript of another caller
    temperature  0 takes the most probable token and tries higher ones where that text is not to be
                 trusted; above 0 tokens are drawn at it, and nothing else is tried
    words        tell when each word was said
    keywords     names that may well be said; they are favoured where the sound allows it, and never invented
    beams        hypotheses kept at a time; 1 is greedy
    live         names that are favoured only where nothing is understood without them
    """

    language: str | None = None
    task: Task = "transcribe"
    timestamps: bool = False
    prompt: str | None = None
    temperature: float = 0.0
    words: bool = False
    keywords: tuple[str, ...] = ()
    beams: int = 1
    live: LiveNames | None = None


class GivenUpError(Exception):
    """Nobody waits any longer for what was being heard."""


@dataclass(frozen=True, slots=True)
class Company:
    """What a transcription under way asks of, and tells, those it runs beside.

    go_on  called between windows and between tokens, at least every 50 ms of decoding; it may block to
           let shorter work pass, and raises GivenUpError when nobody waits any longer
    heard  called with each segment as soon as it is final
    """

    go_on: Callable[[], None] = lambda: None
    heard: Callable[[Segment], None] = lambda _: None

    def tell(self, segments: Iterable[Segment]) -> None:
        for segment in segments:
            self.heard(segment)


ALONE = Company()


class Listener(Protocol):
    """An engine for speech to text; blocking, and safe to call from several threads at once."""

    @property
    def name(self) -> str: ...

    def transcribe(
        self, samples: NDArray[np.float32], options: TranscribeOptions, company: Company = ALONE
    ) -> Transcript:
        """Hear mono sound of SAMPLE_RATE, amplitude -1 to 1, shape [samples].

        GivenUpError when `company` says so; VoiceApiError for options the engine does not have.
        """
        ...


@dataclass(frozen=True, slots=True)
class Voice:
    """One voice a speaker has."""

    id: str
    language: str
    description: str


class Speaker(Protocol):
    """An engine for text to speech."""

    @property
    def name(self) -> str: ...

    @property
    def sample_rate(self) -> int: ...

    def voices(self) -> tuple[Voice, ...]: ...

    def speak(self, text: str, voice: str | None, speed: float) -> Iterator[NDArray[np.int16]]:
        """Yield mono sound of `sample_rate` piece by piece; speed 1.0 is the voice's own."""
        ...
