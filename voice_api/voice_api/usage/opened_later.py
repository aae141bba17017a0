"""A store that is opened when it is first needed, so that a service starts, and answers, without it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from voice_api.errors import VoiceApiError
from voice_api.usage.counting import SoundPages
from voice_api.usage.ledger import Pages

if TYPE_CHECKING:
    from voice_api.usage.store import SqlStore


class OpenedLater:
    """open_store raises VoiceApiError 503 as long as the store is not there."""

    def __init__(self, open_store: "Callable[[], SqlStore]") -> None:
        self._open_store = open_store
        self._store: SqlStore | None = None
        self._lock = threading.Lock()

    @contextmanager
    def writing(self) -> Iterator[Pages]:
        with self._opened().writing() as pages:
            yield pages

    @contextmanager
    def sounds(self) -> Iterator[SoundPages]:
        with self._opened().sounds() as pages:
            yield pages

    def close(self) -> None:
        with self._lock:
            if self._store is not None:
                self._store.close()

    def _opened(self) -> "SqlStore":
        with self._lock:
            if self._store is None:
                self._store = self._open_store()
            return self._store


def no_store() -> "SqlStore":
    """For a service without engines that cost anything."""
    raise VoiceApiError("no_ledger", "there is no usage ledger here", "set engines_file", 503)
