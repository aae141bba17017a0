"""A conversation that goes on locally where its engine does not, with all that was not answered yet."""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voice_api.engines.choice import Answered
from voice_api.engines.engine import Conversation, Happening
from voice_api.engines.failure import EngineFailedError, Failure
from voice_api.engines.meter import Meter
from voice_api.errors import VoiceApiError
from voice_api.speech.protocol import SAMPLE_RATE
from voice_api.speech.sound_buffer import SoundBuffer
from voice_api.speech.turns import Probability, Turns, TurnSettings

ANSWER_SECONDS = 1.4
"""From the end of an utterance to an answer's first word; then the local engine answers instead."""

IDLE_SECONDS = 30.0
"""A conversation elsewhere costs while nobody says anything, too; after so long without any sound it ends."""

LONGEST_SAMPLES = 30 * SAMPLE_RATE
LOOK_SECONDS = 0.05

Fallback = Callable[[Failure], tuple[Conversation, Answered]]
"""The local engine's conversation in place of one that failed; VoiceApiError for who insists."""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What a conversation with another engine has beside itself.

    probability     tells speech from silence, to know when an answer is due; None is silero
    answer_seconds  for which an answer is waited
    """

    meter: Meter
    fallback: Fallback
    probability: Probability | None = None
    answer_seconds: float = ANSWER_SECONDS


class Talk:
    """A Conversation that raises no EngineFailedError: the local engine goes on, and `answered` tells it."""

    def __init__(
        self, conversation: Conversation, answered: Answered, elsewhere: Elsewhere | None = None
    ) -> None:
        self.answered = answered
        self._conversation = conversation
        self._elsewhere = elsewhere
        self._turns = Turns(TurnSettings(), elsewhere.probability) if elsewhere else None
        self._unanswered = SoundBuffer()
        self._due: float | None = None
        self._answers, self._early = False, False
        self._over = False
        self._last_sound = time.monotonic()
        self._lock = threading.RLock()
        self._told: queue.Queue[tuple[Conversation, Happening | VoiceApiError]] = queue.Queue()
        self._read(conversation)

    def send(self, samples: NDArray[np.float32]) -> None:
        with self._lock:
            self._last_sound = time.monotonic()
            if self._elsewhere and self._turns:
                self._remember(samples, self._turns, self._elsewhere)
                if self._fall_back_if_barred(self._elsewhere):
                    return
            try:
                self._conversation.send(samples)
            except EngineFailedError as error:
                self._told.put((self._conversation, error))

    def happenings(self) -> Iterator[Happening]:
        """VoiceApiError where the local engine fails, or a caller insists on one that does."""
        while True:
            try:
                conversation, happening = self._told.get(timeout=LOOK_SECONDS)
            except queue.Empty:
                if changed := self._looked():
                    yield changed
                continue
            if conversation is not self._conversation:
                continue
            match happening:
                case EngineFailedError(failure=failure):
                    told = self._gone_on(failure)
                case VoiceApiError():
                    raise happening
                case _:
                    self._answering(happening)
                    told = happening
            yield told
            if told.what == "ended":
                return

    def end(self) -> None:
        with self._lock:
            self._over = True
            if self._elsewhere:
                self._elsewhere.meter.end()
            self._conversation.end()

    def _read(self, conversation: Conversation) -> None:
        def read() -> None:
            try:
                for happening in conversation.happenings():
                    self._told.put((conversation, happening))
            except VoiceApiError as error:
                self._told.put((conversation, error))

        threading.Thread(target=read, name="conversation-reader", daemon=True).start()

    def _remember(self, samples: NDArray[np.float32], turns: Turns, elsewhere: Elsewhere) -> None:
        """Keep what is not answered, and note when an answer is due."""
        self._unanswered.append(samples)
        self._unanswered.take(self._unanswered.end - LONGEST_SAMPLES)
        for edge in turns.feed(samples):
            if edge.kind == "stopped" and not self._early:
                self._due = time.monotonic() + elsewhere.answer_seconds
                continue
            if edge.kind == "stopped":
                self._unanswered.clear()
            self._due, self._early = None, False

    def _answering(self, happening: Happening) -> None:
        """What is answered needs no answer here; the engine may know sooner than we that a speech ended."""
        with self._lock:
            if happening.what not in ("said", "sound"):
                self._answers = self._answers and happening.what not in ("answered", "interrupted")
                return
            speaking = self._turns is not None and self._turns.speaking
            self._early = self._early or (speaking and not self._answers)
            self._answers, self._due = True, None
            if not speaking:
                self._unanswered.clear()

    def _looked(self) -> Happening | None:
        """While nothing happens: is an answer late, is nobody there, is there room in the ledger?"""
        with self._lock:
            elsewhere, now = self._elsewhere, time.monotonic()
            if elsewhere is None or self._over:
                return None
            if self._due is not None and now > self._due:
                return self._gone_on(Failure("too_late", spent=True))
            if now - self._last_sound > IDLE_SECONDS:
                self.end()
            else:
                self._fall_back_if_barred(elsewhere)
            return None

    def _fall_back_if_barred(self, elsewhere: Elsewhere) -> bool:
        """Whether sound may no longer leave; who reads goes on locally."""
        barred = elsewhere.meter.barred()
        if barred is None:
            return False
        failure = Failure(barred.reason, spent=True, ours=True)
        self._told.put((self._conversation, EngineFailedError(self.answered.engine, failure)))
        return True

    def _gone_on(self, failure: Failure) -> Happening:
        """Go on locally with what is not answered; whoever has ended it meanwhile is not gone on with."""
        with self._lock:
            if self._over:
                return Happening("ended")
            elsewhere, before = self._elsewhere, self._conversation
            assert elsewhere is not None, "only another engine fails so"  # noqa: S101  for the types
            self._elsewhere = None
            elsewhere.meter.end(failure)
            before.end()
            self._conversation, self.answered = elsewhere.fallback(failure)
            self._read(self._conversation)
            sound = self._unanswered.take(self._unanswered.end)
            if sound.size:
                self._conversation.send(sound)
        return Happening("engine", self.answered.engine)
