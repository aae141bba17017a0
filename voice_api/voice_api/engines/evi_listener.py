"""Hears with EVI, for how something was said: one utterance a chat, and EVI answers nothing."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voice_api.engines.engine import Happening
from voice_api.engines.evi import EviConversation, EviConverser
from voice_api.engines.failure import EngineFailedError, Failure
from voice_api.speech.protocol import ALONE, SAMPLE_RATE, Company, Segment, TranscribeOptions, Transcript

END_OF_SPEECH = np.zeros(SAMPLE_RATE // 2, np.float32)
"""EVI takes no files: silence tells it that the utterance is over."""

QUIET_SECONDS = 0.25
"""What was said in two parts is heard as two messages; after the last one nothing more comes."""


@dataclass(frozen=True, slots=True)
class EviListener:
    """Blocking; several threads may use it as far as the plan allows chats at once."""

    converser: EviConverser

    @property
    def name(self) -> str:
        return self.converser.name

    def transcribe(
        self, samples: NDArray[np.float32], options: TranscribeOptions, company: Company = ALONE
    ) -> Transcript:
        """EngineFailedError when nothing was heard in time; the chat counts from its beginning."""
        started = time.monotonic()
        conversation = self.converser.begun("", company.go_on)
        try:
            conversation.only_listen()
            conversation.send(np.concatenate((samples, END_OF_SPEECH)))
            heard = self._heard(conversation, started, company.go_on)
        finally:
            conversation.end()
        transcript = _transcript(heard, samples, options, time.monotonic() - started)
        company.tell(transcript.segments)
        return transcript

    def _heard(
        self, conversation: EviConversation, started: float, go_on: Callable[[], None]
    ) -> list[Happening]:
        heard: list[Happening] = []
        while True:
            left = started + self.converser.deadline_seconds - time.monotonic()
            try:
                happening = conversation.happening(min(left, QUIET_SECONDS) if heard else left, go_on)
            except EngineFailedError as error:
                if heard and error.failure.reason == "too_late":
                    return heard
                raise EngineFailedError(self.name, error.failure) from None
            if happening.what == "heard":
                heard.append(happening)
            if left <= 0:
                raise EngineFailedError(self.name, Failure("too_late", spent=True))


def _transcript(
    heard: list[Happening], samples: NDArray[np.float32], options: TranscribeOptions, took_seconds: float
) -> Transcript:
    text = " ".join(happening.text.strip() for happening in heard)
    seconds = samples.size / SAMPLE_RATE
    return Transcript(
        text=text,
        language=options.language or "",
        duration_seconds=seconds,
        segments=(Segment(0.0, seconds, text, 0.0, 0.0, ()),) if text.strip() else (),
        confidence=None,
        doubtful=False,
        reason=None,
        timings_ms={"cloud": took_seconds * 1000},
        # Minutes of a chat are what is sold; which of the two is counted Hume does not say.
        billed_seconds=max(seconds, took_seconds),
        emotions=_highest(heard),
    )


def _highest(heard: list[Happening]) -> dict[str, float]:
    """Of each score the highest of all parts."""
    names = {name for happening in heard for name in happening.emotions}
    return {name: max(happening.emotions.get(name, 0.0) for happening in heard) for name in sorted(names)}
