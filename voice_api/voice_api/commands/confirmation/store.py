"""Where questions wait: whoever exchanges one first has settled it, whichever replica that is."""

import threading
from collections.abc import Sequence
from typing import Protocol

from voice_api.commands.confirmation.pending import Pending, Speaker
from voice_api.commands.confirmation.settle import (
    AskAgain,
    Cancelled,
    Heard,
    Refused,
    Settled,
    Verdict,
    cancelled,
    settled,
)


class PendingStore(Protocol):
    """Keeps questions for at least as long as they last, settled ones too: a second use has to show."""

    def add(self, pending: Pending) -> None: ...

    def with_id(self, identifier: str) -> Pending | None: ...

    def of_session(self, user: str, session: str) -> Sequence[Pending]: ...

    def exchange(self, before: Pending, after: Pending) -> bool:
        """Put `after` in place of `before`, if that is what is there; at once or not at all."""
        ...


class PendingsInMemory:
    """For one process: gone with it, which cancels everything."""

    def __init__(self, most: int = 1_000) -> None:
        self._most = most
        self._pendings: dict[str, Pending] = {}
        self._lock = threading.Lock()

    def add(self, pending: Pending) -> None:
        with self._lock:
            if pending.id in self._pendings:
                raise ValueError("an id is never given twice")
            self._pendings[pending.id] = pending
            while len(self._pendings) > self._most:
                del self._pendings[next(iter(self._pendings))]

    def with_id(self, identifier: str) -> Pending | None:
        with self._lock:
            return self._pendings.get(identifier)

    def of_session(self, user: str, session: str) -> Sequence[Pending]:
        with self._lock:
            speakers = ((each, each.bound.speaker) for each in self._pendings.values())
            return tuple(each for each, by in speakers if (by.user, by.session) == (user, session))

    def exchange(self, before: Pending, after: Pending) -> bool:
        with self._lock:
            if self._pendings.get(before.id) != before:
                return False
            self._pendings[before.id] = after
            return True


def answered(store: PendingStore, heard: Heard, key: bytes) -> Verdict:
    """What an answer settles. A Settled that is returned here was settled by this answer and no other."""
    if heard.id is None:
        pendings = store.of_session(heard.speaker.user, heard.speaker.session)
    else:
        found = store.with_id(heard.id)
        pendings = [found] if found else []
    verdict = settled(heard, pendings, key)
    match verdict:
        case Settled(before, after) | Cancelled(before, after) | AskAgain(before, after):
            return verdict if store.exchange(before, after) else Refused("used", security=True)
        case _:
            return verdict


def cancel_all(store: PendingStore, speaker: Speaker, why: str) -> int:
    """Take back whatever this session is asked, and say how much that was."""
    pendings = store.of_session(speaker.user, speaker.session)
    return sum(store.exchange(each.before, each.after) for each in cancelled(pendings, why))
