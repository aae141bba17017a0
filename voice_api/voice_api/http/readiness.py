"""Whether the service can answer now: a decode really worked, and memory is left."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from voice_api.http.memory import limit_bytes, resident_bytes

Reason = Literal["no_decode_yet", "decode_failed", "model_stuck", "memory_low", "draining"]
SENTENCES: dict[Reason, str] = {
    "no_decode_yet": "the model has not listened to anything since it was loaded",
    "decode_failed": "the model failed at the last sound it was given",
    "model_stuck": "the model has been working on one sound for longer than a request may take",
    "memory_low": "too little memory is left to take another request",
    "draining": "the service is ending",
}


@dataclass(frozen=True, slots=True)
class MemoryGuard:
    """Head-room against the container's limit, or the one that was set."""

    limit_bytes: int
    headroom_bytes: int
    resident: Callable[[], int] = resident_bytes

    @property
    def left_bytes(self) -> int:
        return self.limit_bytes - self.resident()

    @property
    def low(self) -> bool:
        return self.left_bytes < self.headroom_bytes


def memory_guard(setting: int, headroom_bytes: int) -> MemoryGuard:
    """The guard for this process; `setting` 0 takes the container's or machine's limit."""
    return MemoryGuard(limit_bytes(setting), headroom_bytes)


class Readiness:
    """Remembers how the last decode went and answers why the service is not ready, if it is not."""

    def __init__(self, memory: MemoryGuard, busy_seconds: Callable[[], float], stuck_seconds: float) -> None:
        self.memory = memory
        self._busy_seconds = busy_seconds
        self._stuck_seconds = stuck_seconds
        self._decoded: bool | None = None
        self._last_decode: float | None = None
        self.draining = False

    def decode_worked(self) -> None:
        self._decoded = True
        self._last_decode = time.monotonic()

    def decode_failed(self) -> None:
        self._decoded = False

    @property
    def last_decode_seconds_ago(self) -> float | None:
        return None if self._last_decode is None else time.monotonic() - self._last_decode

    @property
    def obstacle(self) -> Reason | None:
        """Why a request would not be answered well now; None when ready."""
        if self.draining:
            return "draining"
        if self._busy_seconds() > self._stuck_seconds:
            return "model_stuck"
        if self._decoded is None:
            return "no_decode_yet"
        if not self._decoded:
            return "decode_failed"
        return "memory_low" if self.memory.low else None
