"""One thread that does blocking work in turn, with a bounded number waiting for it."""

import asyncio
import contextvars
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from math import ceil
from typing import Any, TypeVar

from voice_api.errors import VoiceApiError

Result = TypeVar("Result")
LONGEST_RETRY_SECONDS = 60


class Ticket:
    """Tells work that has begun whether somebody still waits for it."""

    def __init__(self) -> None:
        self._given_up = threading.Event()

    def give_up(self) -> None:
        self._given_up.set()

    @property
    def given_up(self) -> bool:
        return self._given_up.is_set()


@dataclass(slots=True)
class _Job:
    work: Callable[[Ticket], Any]
    ticket: Ticket = field(default_factory=Ticket)
    future: "Future[Any]" = field(default_factory=Future)
    context: contextvars.Context = field(default_factory=contextvars.copy_context)


class Worker:
    """Runs jobs one after another; one runs, `max_waiting` wait, more are refused with 429."""

    def __init__(self, name: str, max_waiting: int) -> None:
        self._max_waiting = max_waiting
        self._waiting: deque[_Job] = deque()
        self._running_since: float | None = None
        self._usual_seconds = 0.5
        self._stopped = False
        self._change = threading.Condition()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def busy_seconds(self) -> float:
        """How long the job that runs now has been running; 0 when idle."""
        since = self._running_since
        return 0.0 if since is None else time.monotonic() - since

    def refuse_if_full(self) -> None:
        """Raise the 429 a submission would meet now, before a body is read for nothing."""
        with self._change:
            self._check_room()

    async def run(self, work: Callable[[Ticket], Result]) -> Result:
        """The work's result; cancelling the caller drops what waits and tells what runs."""
        job = _Job(work)
        with self._change:
            self._check_room()
            self._waiting.append(job)
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
            self._change.notify()
        for job in dropped:
            if job.future.set_running_or_notify_cancel():
                job.future.set_exception(_stopping())

    def _check_room(self) -> None:
        if self._stopped:
            raise _stopping()
        taken = len(self._waiting) + (self._running_since is not None)
        if taken <= self._max_waiting:
            return
        seconds = max(1, min(LONGEST_RETRY_SECONDS, ceil(self._usual_seconds * taken)))
        raise VoiceApiError(
            "queue_full",
            f"{taken} requests are already running or waiting",
            f"try again in {seconds} seconds",
            429,
            retry_after_seconds=seconds,
        )

    def _drop(self, job: _Job) -> None:
        job.ticket.give_up()
        with self._change:
            if job in self._waiting:
                self._waiting.remove(job)

    def _next(self) -> _Job | None:
        with self._change:
            while not self._waiting and not self._stopped:
                self._change.wait()
            if self._stopped:
                return None
            self._running_since = time.monotonic()
            return self._waiting.popleft()

    def _work(self) -> None:
        while (job := self._next()) is not None:
            if job.future.set_running_or_notify_cancel():
                self._run(job)
            self._usual_seconds = 0.8 * self._usual_seconds + 0.2 * self.busy_seconds
            self._running_since = None

    def _run(self, job: _Job) -> None:
        try:
            job.future.set_result(job.context.run(job.work, job.ticket))
        except BaseException as error:  # noqa: BLE001  it is raised again where the result is awaited
            job.future.set_exception(error)


def _stopping() -> VoiceApiError:
    return VoiceApiError(
        "stopping", "the service is ending", "try again in a moment", 503, retry_after_seconds=1
    )
