"""What lets calls to one engine through: its breaker, and how many it takes at once; safe among threads."""

import threading
import time
from collections.abc import Callable

from voice_api.engines import breaker
from voice_api.engines.breaker import CLOSED, Breaker, Permission
from voice_api.engines.choice import Reason
from voice_api.engines.failure import Failure


class Gate:
    """Who got a permission tells how it went, once."""

    def __init__(self, at_once: int | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._at_once = at_once
        self._clock = clock
        self._inside = 0
        self._breaker = CLOSED
        self._lock = threading.Lock()

    @property
    def obstacle(self) -> Reason | None:
        """Why nobody would be let in now."""
        with self._lock:
            return self._obstacle()

    def enter(self) -> Permission | None:
        """None when something came between; else exactly one of the three below follows."""
        with self._lock:
            if self._obstacle() is not None:
                return None
            self._breaker, permission = breaker.asked(self._breaker, self._clock())
            self._inside += 1
            return permission

    def worked(self, permission: Permission) -> None:
        """The engine answered."""
        self._leave(lambda before: breaker.worked(before, permission))

    def failed(self, permission: Permission, failure: Failure) -> None:
        """The engine did not answer."""
        now, wait = self._clock(), failure.retry_after_seconds
        if failure.ours:
            self._leave(lambda before: breaker.undecided(before, permission))
        elif wait is not None:
            self._leave(lambda _: breaker.told_to_wait(wait, now))
        else:
            self._leave(lambda before: breaker.failed(before, permission, now))

    def left(self, permission: Permission) -> None:
        """The engine was not called, or nobody waited for its answer."""
        self._leave(lambda before: breaker.undecided(before, permission))

    def _obstacle(self) -> Reason | None:
        if self._at_once is not None and self._inside >= self._at_once:
            return "busy"
        return "resting" if breaker.asked(self._breaker, self._clock())[1] == "no" else None

    def _leave(self, after: Callable[[Breaker], Breaker]) -> None:
        with self._lock:
            self._inside -= 1
            self._breaker = after(self._breaker)
