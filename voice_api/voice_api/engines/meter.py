"""What a conversation elsewhere costs, slice by slice while it lasts, and how it went."""

import logging
import threading
import time
from collections.abc import Callable

from voice_api.engines.breaker import Permission
from voice_api.engines.failure import Failure
from voice_api.engines.gate import Gate
from voice_api.engines.spending import Barred, barred_by
from voice_api.errors import VoiceApiError
from voice_api.usage.entries import Ask
from voice_api.usage.ledger import Ledger
from voice_api.usage.slices import SlicedStream

log = logging.getLogger("voice_api.engines")
AHEAD_MILLISECONDS = 250


class Meter:
    """Runs from when it is made; safe to use from several threads."""

    def __init__(
        self,
        ledger: Ledger,
        ask: Ask,
        price: Callable[[int], int],
        gate: Gate,
        permission: Permission,
    ) -> None:
        self._ledger = ledger
        self._ask = ask
        self._stream = SlicedStream(ledger, ask, price)
        self._gate = gate
        self._permission = permission
        self._lock = threading.Lock()
        self._started = time.monotonic()
        self._over = False

    def barred(self) -> Barred | None:
        """Why it may not go on; None while the ledger has room for what comes next."""
        with self._lock:
            if self._over or self._stream.covers(self._milliseconds + AHEAD_MILLISECONDS):
                return None
            return barred_by(self._stream.refused)

    def end(self, failure: Failure | None = None) -> None:
        """The conversation is over, once; the time up to now is what it came to, if it began at all."""
        with self._lock:
            if self._over:
                return
            self._over = True
            self._stream.end(self._milliseconds if failure is None or failure.spent else 0)
        if failure is None:
            self._gate.worked(self._permission)
        else:
            self._gate.failed(self._permission, failure)
            self._note_exhausted(failure)

    def never_began(self) -> None:
        """Nothing was asked of the engine."""
        with self._lock:
            self._over = True
        self._gate.left(self._permission)

    @property
    def _milliseconds(self) -> int:
        return int((time.monotonic() - self._started) * 1000)

    def _note_exhausted(self, failure: Failure) -> None:
        if failure.reason != "exhausted":
            return
        try:
            self._ledger.exhaust(self._ask.engine, self._ask.caller)
        except VoiceApiError as error:
            log.warning("not noted", extra={"engine": self._ask.engine, "code": error.code})
