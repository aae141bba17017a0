"""A conversation on this machine: an utterance is heard, answered and spoken, one after another."""

import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voice_api.engines.engine import Happening
from voice_api.errors import VoiceApiError
from voice_api.speech.protocol import SAMPLE_RATE, Listener, Speaker, TranscribeOptions
from voice_api.speech.sound_buffer import SoundBuffer
from voice_api.speech.turns import Probability, Turns, TurnSettings

LONGEST_SAMPLES = 30 * SAMPLE_RATE
MOST_PIECES = 3_000
"""That wait while something is heard: a minute in pieces of 20 ms."""


@dataclass(frozen=True, slots=True)
class LocalConverser:
    """A Converser of parts; several conversations share them.

    answer       what is to be said to a sentence
    probability  makes what tells speech from silence, for one conversation; None is silero
    """

    listener: Listener
    answer: Callable[[str], str]
    speaker: Speaker
    options: TranscribeOptions = TranscribeOptions()  # noqa: RUF009  it is frozen
    probability: Callable[[], Probability] | None = None

    def converse(self, instructions: str) -> "LocalConversation":  # noqa: ARG002  who answers has its own
        return LocalConversation(self)


class LocalConversation:
    """One conversation; a thread of its own hears and speaks."""

    def __init__(self, parts: LocalConverser) -> None:
        self._parts = parts
        self._turns = Turns(TurnSettings(), parts.probability() if parts.probability else None)
        self._buffer = SoundBuffer()
        self._sounds: queue.Queue[NDArray[np.float32] | None] = queue.Queue(MOST_PIECES)
        self._happenings: queue.Queue[Happening | VoiceApiError] = queue.Queue()
        self._ended = threading.Event()
        threading.Thread(target=self._held, name="conversation", daemon=True).start()

    def send(self, samples: NDArray[np.float32]) -> None:
        """VoiceApiError when more is said than is heard."""
        try:
            self._sounds.put_nowait(samples)
        except queue.Full:
            message = "more sound waits than is heard in time"
            raise VoiceApiError("busy", message, "say less at once", 503, retry_after_seconds=5) from None

    def happenings(self) -> Iterator[Happening]:
        """VoiceApiError when an utterance cannot be heard or answered."""
        while True:
            happening = self._happenings.get()
            if isinstance(happening, VoiceApiError):
                raise happening
            yield happening
            if happening.what == "ended":
                return

    def end(self) -> None:
        self._ended.set()
        self._happenings.put(Happening("ended"))
        try:
            self._sounds.put_nowait(None)
        except queue.Full:
            return  # whoever hears looks at _ended after each piece

    def _held(self) -> None:
        while not self._ended.is_set():
            samples = self._sounds.get()
            if samples is None:
                return
            try:
                self._heard(samples)
            except VoiceApiError as error:
                self._happenings.put(error)
                return

    def _heard(self, samples: NDArray[np.float32]) -> None:
        self._buffer.append(samples)
        for edge in list(self._turns.feed(samples)):
            sound = self._buffer.take(edge.sample)
            if edge.kind == "stopped":
                self._turn(sound)
        if not self._turns.speaking:
            self._buffer.take(self._buffer.end - SAMPLE_RATE)
        elif self._buffer.end - self._buffer.begin > LONGEST_SAMPLES:
            self._turn(self._buffer.take(self._buffer.end))

    def _turn(self, sound: NDArray[np.float32]) -> None:
        text = self._parts.listener.transcribe(sound, self._parts.options).text.strip()
        if not text or self._ended.is_set():
            return
        self._happenings.put(Happening("heard", text))
        answer = self._parts.answer(text)
        self._happenings.put(Happening("said", answer))
        for piece in self._parts.speaker.speak(answer, None, 1.0):
            self._happenings.put(
                Happening("sound", samples=piece, sample_rate=self._parts.speaker.sample_rate)
            )
        self._happenings.put(Happening("answered"))
