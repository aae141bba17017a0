"""Counts the sound that is heard and spoken, whoever does it, and writes it down every few seconds.

Nothing is spent by it, so nothing waits for it: a process that is killed loses the last seconds of counts,
and while the ledger cannot be written, they wait in memory.
"""

import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from voice_api.errors import VoiceApiError

log = logging.getLogger("voice_api.usage")

PAUSE_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 300.0
KEPT_MILLISECONDS = 400 * 86_400_000
"""As long as the ledger keeps what was spent."""

Counts = Mapping[tuple[str, str], tuple[int, int, int]]
"""Engine and caller -> the number of sounds, and the milliseconds heard and spoken."""


@dataclass(frozen=True, slots=True)
class Sounds:
    """So many sounds, heard or spoken, and their length; whatever they cost is not told here."""

    engine: str
    caller: str
    number: int
    heard_milliseconds: int
    spoken_milliseconds: int


class SoundPages(Protocol):
    """Sound within one transaction."""

    def add(self, sounds: Iterable[Sounds], at: int) -> None: ...

    def sums(self, since: int, until: int) -> tuple[Sounds, ...]: ...

    def forget(self, before: int) -> None: ...


class SoundStore(Protocol):
    """Where sound is written down."""

    def sounds(self) -> AbstractContextManager[SoundPages]:
        """One transaction; VoiceApiError 503 when it cannot be had in time."""
        ...


class Uncounted:
    """For a service without a ledger."""

    def heard(self, engine: str, caller: str, seconds: float) -> None:
        """Nothing is kept."""

    def spoken(self, engine: str, caller: str, seconds: float) -> None:
        """Nothing is kept."""

    def sums(self, since: int, until: int) -> tuple[Sounds, ...]:  # noqa: ARG002  as the other one
        return ()

    def close(self) -> None:
        """Nothing is open."""


class SoundCount:
    """Safe to use from several threads; `heard` and `spoken` never wait for the store.

    clock  milliseconds since 1970 in UTC
    """

    def __init__(
        self, store: SoundStore, clock: Callable[[], int], pause_seconds: float = PAUSE_SECONDS
    ) -> None:
        self._store, self._clock = store, clock
        self._usual_pause = self._pause = pause_seconds
        self._counts: dict[tuple[str, str], tuple[int, int, int]] = defaultdict(lambda: (0, 0, 0))
        self._lock, self._writing = threading.Lock(), threading.Lock()
        self._timer: threading.Timer | None = None
        self._closed = False

    def heard(self, engine: str, caller: str, seconds: float) -> None:
        self._add({(engine, caller): (1, round(seconds * 1000), 0)})

    def spoken(self, engine: str, caller: str, seconds: float) -> None:
        self._add({(engine, caller): (1, 0, round(seconds * 1000))})

    def sums(self, since: int, until: int) -> tuple[Sounds, ...]:
        """What is counted by now; VoiceApiError 503 without the store."""
        self._write()
        with self._store.sounds() as pages:
            return pages.sums(since, until)

    def close(self) -> None:
        """Write down what is left; where that fails, it is lost, and said."""
        with self._lock:
            self._closed = True
            timer, self._timer = self._timer, None
        if timer:
            timer.cancel()
        self._tried()

    def _add(self, counts: Counts) -> None:
        with self._lock:
            for name, more in counts.items():
                number, heard, spoken = self._counts[name]
                self._counts[name] = (number + more[0], heard + more[1], spoken + more[2])
            if self._timer is None and not self._closed:
                self._timer = threading.Timer(self._pause, self._in_its_turn)
                self._timer.daemon = True
                self._timer.start()

    def _in_its_turn(self) -> None:
        """Once for whatever came meanwhile; less often while it cannot be done."""
        with self._lock:
            self._timer = None
        worked = self._tried()
        self._pause = self._usual_pause if worked else min(2 * self._pause, LONGEST_PAUSE_SECONDS)

    def _tried(self) -> bool:
        try:
            self._write()
        except VoiceApiError as error:
            log.warning("sound not counted yet", extra={"code": error.code})
            return False
        return True

    def _write(self) -> None:
        with self._writing:
            with self._lock:
                counts = dict(self._counts)
                self._counts.clear()
            if not counts:
                return
            try:
                now = self._clock()
                with self._store.sounds() as pages:
                    pages.add((Sounds(*name, *amounts) for name, amounts in sorted(counts.items())), now)
                    pages.forget(now - KEPT_MILLISECONDS)
            except BaseException:
                self._add(counts)
                raise
