"""How long the stages of one transcription take."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

Stage = Literal["vad", "features", "encode", "decode", "decode_names"]
"""decode_names: the second hearing, with live names; among the timings only where there was one."""


class Stopwatch:
    """Adds up the milliseconds of each stage over all windows."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._totals: dict[str, float] = {"vad": 0.0, "features": 0.0, "encode": 0.0, "decode": 0.0}

    @contextmanager
    def stage(self, name: Stage) -> Iterator[None]:
        started = self._clock()
        try:
            yield
        finally:
            self._totals[name] = self._totals.get(name, 0.0) + (self._clock() - started) * 1e3

    @property
    def timings_ms(self) -> dict[str, float]:
        return dict(self._totals)
