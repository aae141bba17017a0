"""Takes jobs from the queue one after the other and hears them, on a thread of its own."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from voice_api.errors import VoiceApiError
from voice_api.jobs.job import Answer, Claim, Fields, Trouble
from voice_api.jobs.queue import Queue
from voice_api.speech.protocol import Company, GivenUpError, Segment

log = logging.getLogger("voice_api.jobs")
LOOK_SECONDS = 30.0

Outcome = Literal["completed", "failed", "again", "put_back", "deleted"]
OUTCOMES: tuple[Outcome, ...] = ("completed", "failed", "again", "put_back", "deleted")
"""What came of an attempt: `again` went wrong and is tried once more, `put_back` a drain has broken off."""

Hear: TypeAlias = Callable[[bytes, Fields, Company], Answer]
"""Hears a sound as it was wished for; VoiceApiError for what cannot be heard, GivenUpError when told so."""


@dataclass(frozen=True, slots=True)
class Ended:
    """One attempt, told to whoever counts; waited_seconds since the job was accepted."""

    outcome: Outcome
    waited_seconds: float
    took_seconds: float


class Attempt:
    """What is being heard now, and whether anybody still wants it."""

    def __init__(self, claim: Claim, seconds: float, clock: Callable[[], float]) -> None:
        self.claim = claim
        self.heard_seconds = 0.0
        self.late = False
        self._clock = clock
        self.begun = self.last_sign = clock()
        self._deadline = self.begun + seconds
        self._given_up = threading.Event()

    def give_up(self) -> None:
        self._given_up.set()

    def go_on(self) -> None:
        """GivenUpError when nobody wants it any more, or when it has taken too long."""
        self.last_sign = self._clock()
        self.late = self.last_sign > self._deadline
        if self.late or self._given_up.is_set():
            raise GivenUpError

    def heard(self, segment: Segment) -> None:
        self.heard_seconds = segment.end_seconds


class Worker:
    """Begins with `start`; `stop` breaks off what runs and gives it back to the queue.

    `told` is called after each attempt, `broken` once, when the queue itself fails: then nothing more is
    heard, and the process is to end, for whoever starts it anew.
    """

    def __init__(
        self,
        queue: Queue,
        hear: Hear,
        job_seconds: float,
        *,
        told: Callable[[Ended], None] = lambda _: None,
        broken: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._queue = queue
        self._hear = hear
        self._job_seconds = job_seconds
        self._told = told
        self._broken = broken
        self._clock = clock
        self._stopping = threading.Event()
        self._arrived = threading.Event()
        self._attempt: Attempt | None = None
        self._thread = threading.Thread(target=self._work, name="jobs", daemon=True)
        self.failed = False

    def start(self) -> None:
        self._thread.start()

    def arrived(self) -> None:
        """There is something to hear."""
        self._arrived.set()

    @property
    def alive(self) -> bool:
        """Whether something is heard or waited for."""
        return self._thread.is_alive()

    @property
    def silent_seconds(self) -> float:
        """How long what is heard now has given no sign of life; 0 when idle."""
        attempt = self._attempt
        return 0.0 if attempt is None else self._clock() - attempt.last_sign

    def heard_seconds(self, name: str) -> float:
        """How far a job is."""
        attempt = self._attempt
        return attempt.heard_seconds if attempt is not None and attempt.claim.id == name else 0.0

    def forget(self, name: str) -> None:
        """The job was deleted: break it off, if it is being heard."""
        attempt = self._attempt
        if attempt is not None and attempt.claim.id == name:
            attempt.give_up()

    def stop(self, seconds: float) -> bool:
        """Take nothing more, break off what runs; whether it ended in time. It waits again either way."""
        self._stopping.set()
        self._arrived.set()
        attempt = self._attempt
        if attempt is not None:
            attempt.give_up()
        if self._thread.is_alive():
            self._thread.join(seconds)
        left = self._attempt
        if left is not None:
            self._queue.put_back(left.claim)  # what it comes to yet is not wanted
        return not self._thread.is_alive()

    def _work(self) -> None:
        try:
            while not self._stopping.is_set():
                self._arrived.clear()
                self._queue.tidy()
                if not self._one():
                    self._arrived.wait(LOOK_SECONDS)
        except Exception:
            if self._stopping.is_set():
                return  # it was put back, and the queue closed, while it did not listen
            log.exception("the queue failed")
            self.failed = True
            self._broken()

    def _one(self) -> bool:
        claim = self._queue.take()
        if claim is None:
            return False
        attempt = self._attempt = Attempt(claim, self._job_seconds, self._clock)
        if self._stopping.is_set():
            attempt.give_up()  # `stop` may have looked before there was one
        waited = max(0.0, time.time() - claim.created)
        try:
            outcome = self._heard(attempt)
        finally:
            self._attempt = None
        took = self._clock() - attempt.begun
        log.info(
            "job", extra={"job": claim.id, "outcome": outcome, "attempt": claim.attempt, "seconds": took}
        )
        self._told(Ended(outcome, waited, took))
        return True

    def _heard(self, attempt: Attempt) -> Outcome:
        claim = attempt.claim
        try:
            sound = self._queue.sound(claim)
            if sound is None:
                return "deleted"
            answer = self._hear(sound, claim.fields, Company(attempt.go_on, attempt.heard))
        except GivenUpError:
            return self._given_up(attempt)
        except VoiceApiError as error:
            again = error.status >= 500
            return self._again(claim) if again else self._failed(claim, Trouble.of(error))
        except Exception:
            log.exception("a job failed on a bug", extra={"job": claim.id})
            return self._again(claim)
        return "completed" if self._queue.complete(claim, answer) else "deleted"

    def _given_up(self, attempt: Attempt) -> Outcome:
        if attempt.late:
            message = f"it was not heard within {self._job_seconds:g} seconds"
            trouble = Trouble("deadline_exceeded", message, "send it in shorter pieces", 504)
            return self._failed(attempt.claim, trouble)
        return "put_back" if self._queue.put_back(attempt.claim) else "deleted"

    def _failed(self, claim: Claim, trouble: Trouble) -> Outcome:
        return "failed" if self._queue.fail(claim, trouble) else "deleted"

    def _again(self, claim: Claim) -> Outcome:
        if not self._queue.try_again(claim):
            return "deleted"
        job = self._queue.job(claim.id)
        return "again" if job is not None and job.status == "queued" else "failed"
