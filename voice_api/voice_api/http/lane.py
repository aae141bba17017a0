"""A lane: work in turn on threads of its own, bounded in number and in how much of it waits."""

import asyncio
import contextvars
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from math import ceil, inf
from typing import Any, TypeVar

from voice_api.errors import VoiceApiError
from voice_api.http.rate import Rate
from voice_api.http.tickets import Ticket, no_way_to_give

Result = TypeVar("Result")
LONGEST_RETRY_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Room:
    """What may be in a lane.

    waiting  jobs that wait; what runs comes on top
    amount   of everything in the lane together; a single job is taken whatever its amount
    """

    waiting: int
    amount: float = inf


@dataclass(eq=False, slots=True)
class _Job:
    work: Callable[[Ticket], Any]
    ticket: Ticket
    future: "Future[Any]" = field(default_factory=Future)
    context: contextvars.Context = field(default_factory=contextvars.copy_context)
    since: float = 0.0


@dataclass(frozen=True, slots=True)
class _Outcome:
    """Of work: what came of it, or why nothing did."""

    result: Any = None
    error: BaseException | None = None

    def tell(self, future: "Future[Any]") -> None:
        if self.error is None:
            future.set_result(self.result)
        else:
            future.set_exception(self.error)


def leave_as_it_is(_: float) -> None:
    """For work that leaves nothing behind."""


class Lane:
    """Runs jobs in the order they came, one on each of its threads; what finds no room is refused with 429.

    The amount of a job is in the lane's own unit: seconds of sound where it is heard or spoken, 1 for each
    question where a cluster is asked.
    """

    def __init__(
        self,
        name: str,
        room: Room,
        threads: int = 1,
        give_way: Callable[[Ticket], None] = no_way_to_give,
        tidy: Callable[[float], None] = leave_as_it_is,
    ) -> None:
        self.rate = Rate()
        self.idle = threading.Event()
        self.idle.set()
        self._room = room
        self._threads = threads
        self._give_way = give_way
        self._tidy = tidy
        self._waiting: deque[_Job] = deque()
        self._running: list[_Job] = []
        self._stopped = False
        self._change = threading.Condition()
        for number in range(threads):
            threading.Thread(target=self._work, name=f"{name}-{number}", daemon=True).start()

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def busy_seconds(self) -> float:
        """How long the job that runs longest has been running; 0 when idle."""
        with self._change:
            return max((time.monotonic() - job.since for job in self._running), default=0.0)

    @property
    def amount(self) -> float:
        """What is still to be done: all that waits, and what the measured rate leaves of what runs."""
        with self._change:
            return self._amount()

    @property
    def full(self) -> bool:
        """No job would find a place, whatever its amount."""
        with self._change:
            return self._stopped or self._crowded

    def refuse_if_full(self, amount: float = 0.0) -> None:
        """Raise the 429 that a job of that amount would meet now, before a body is read for nothing."""
        with self._change:
            self._check_room(amount)

    async def run(self, work: Callable[[Ticket], Result], amount: float = 1.0) -> Result:
        """The work's result; cancelling the caller drops what waits and tells what runs."""
        job = _Job(work, Ticket(amount, self._give_way))
        with self._change:
            self._check_room(amount)
            self._waiting.append(job)
            self.idle.clear()
            self._change.notify()
        try:
            result: Result = await asyncio.wrap_future(job.future)
        except asyncio.CancelledError:
            self._drop(job)
            raise
        return result

    def stop(self) -> None:
        """Begin nothing more; who waits is told that the service ends."""
        with self._change:
            self._stopped = True
            dropped, self._waiting = list(self._waiting), deque()
            self._change.notify_all()
        for job in dropped:
            if job.future.set_running_or_notify_cancel():
                job.future.set_exception(_stopping())

    def _amount(self) -> float:
        now = time.monotonic()
        left = (job.ticket.amount - self.rate.per_second * (now - job.since) for job in self._running)
        return sum(job.ticket.amount for job in self._waiting) + sum(max(0.0, each) for each in left)

    def _check_room(self, amount: float) -> None:
        if self._stopped:
            raise _stopping()
        taken = len(self._waiting) + len(self._running)
        ahead = self._amount()
        if self._crowded or (taken and ahead + amount > self._room.amount):
            seconds = self._retry_seconds(ahead)
            raise VoiceApiError(
                "queue_full",
                f"{taken} requests are already running or waiting",
                f"try again in {seconds} seconds",
                429,
                retry_after_seconds=seconds,
            )

    @property
    def _crowded(self) -> bool:
        return len(self._waiting) + len(self._running) >= self._room.waiting + self._threads

    def _retry_seconds(self, ahead: float) -> int:
        seconds = ahead / (self.rate.per_second * self._threads)
        return max(1, min(LONGEST_RETRY_SECONDS, ceil(seconds)))

    def _drop(self, job: _Job) -> None:
        job.ticket.give_up()
        with self._change:
            if job in self._waiting:
                self._waiting.remove(job)
            self._note_idle()

    def _note_idle(self) -> None:
        if not self._waiting and not self._running:
            self.idle.set()

    def _next(self) -> _Job | None:
        with self._change:
            while not self._waiting and not self._stopped:
                self._change.wait()
            if self._stopped:
                return None
            job = self._waiting.popleft()
            job.since = time.monotonic()
            self._running.append(job)
            return job

    def _work(self) -> None:
        while (job := self._next()) is not None:
            outcome = _run(job) if job.future.set_running_or_notify_cancel() else None
            amount = job.ticket.amount
            self._ended(job, outcome is not None and outcome.error is None)
            if outcome:
                outcome.tell(job.future)  # last: whoever has an answer finds its place free
            del job, outcome  # its work holds a recording, which is not to wait for the next caller
            self._tidy(amount)

    def _ended(self, job: _Job, done: bool) -> None:
        """Only what was done in full tells how fast the lane is."""
        with self._change:
            if done:
                self.rate.learn(job.ticket.amount, time.monotonic() - job.since)
            self._running.remove(job)
            self._note_idle()


def _run(job: _Job) -> _Outcome:
    try:
        return _Outcome(job.context.run(job.work, job.ticket))
    except BaseException as error:  # noqa: BLE001  it is raised again where the result is awaited
        return _Outcome(error=error)


def _stopping() -> VoiceApiError:
    return VoiceApiError(
        "stopping", "the service is ending", "try again in a moment", 503, retry_after_seconds=1
    )
