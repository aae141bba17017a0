"""Gives memory back to the system between jobs, as seldom as keeps it flat."""

import time
from collections.abc import Callable

from voice_api.speech.runtime import trim_memory

LARGE_AMOUNT = 10.0
"""Seconds of sound whose hearing leaves much behind."""

EVERY_SECONDS = 5.0


class Tidying:
    """Told after each job; trimming takes milliseconds, in which nobody is kept waiting for a result."""

    def __init__(
        self, trim: Callable[[], None] = trim_memory, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._trim = trim
        self._clock = clock
        self._last = -EVERY_SECONDS

    def after(self, amount: float) -> None:
        """After a large job at once, after others when it has not been done for a while."""
        if amount >= LARGE_AMOUNT or self._clock() - self._last >= EVERY_SECONDS:
            self._trim()
            self._last = self._clock()
