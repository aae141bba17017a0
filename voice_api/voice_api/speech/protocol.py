"""What the rest of voice-api may ask of a speech engine, and what it gets back."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16_000
"""Samples a second of all sound that is listened to."""

Task = Literal["transcribe", "translate"]


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of sound and the words heard in it."""

    start_seconds: float
    end_seconds: float
    text: str
    average_log_probability: float
    no_speech_probability: float
    token_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was heard.

    confidence  0 to 1, calibrated; None when the model folder carries no calibration
    doubtful    the confidence is below the folder's threshold
    reason      why there is no text: "no_speech" when the silence gate found nothing to listen to
    timings_ms  keys "vad", "features", "encode", "decode"
    """

    text: str
    language: str
    duration_seconds: float
    segments: tuple[Segment, ...]
    confidence: float | None
    doubtful: bool
    reason: str | None
    timings_ms: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class TranscribeOptions:
    """How to listen.

    language     code such as "en"; None lets a multilingual model detect it
    prompt       words that are likely to occur; never the transcript of another caller
    temperature  0 takes the most probable token, above it tokens are drawn
    """

    language: str | None = None
    task: Task = "transcribe"
    timestamps: bool = False
    prompt: str | None = None
    temperature: float = 0.0


class Listener(Protocol):
    """An engine for speech to text; called from one worker thread at a time, and blocking."""

    @property
    def name(self) -> str: ...

    def transcribe(self, samples: NDArray[np.float32], options: TranscribeOptions) -> Transcript:
        """Hear mono sound of SAMPLE_RATE, amplitude -1 to 1, shape [samples]."""
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
