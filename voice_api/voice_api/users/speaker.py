"""From the header of a request to who speaks: a key or a session of a user, and nobody without one."""

import time
from collections.abc import Callable

from voice_api.commands.policy import User
from voice_api.errors import VoiceApiError
from voice_api.users.book import Book, Entry
from voice_api.users.issuer import IssuedSessions
from voice_api.users.keys import user_of_key
from voice_api.users.sessions import session_of

MOST_CHARACTERS = 8_192


class Known:
    """For a service with users: who has neither a key nor a session is not let in."""

    def __init__(
        self,
        book: Callable[[], Book],
        now: Callable[[], float] = time.time,
        issued: IssuedSessions | None = None,
    ) -> None:
        """`issued` knows sessions of an identity provider, where there is one."""
        self._book, self._now, self._issued = book, now, issued

    def speaker_of(self, authorization: str | None) -> User:
        scheme, _, presented = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not 0 < len(presented.strip()) <= MOST_CHARACTERS:
            raise _nobody("it says not who speaks")
        entry = self._entry(presented.strip())
        if entry is None:
            raise _nobody("its key or session is not known, or has ended")
        return User(entry.name, frozenset(entry.roles), frozenset(entry.environments), entry.groups)

    def _entry(self, presented: str) -> Entry | None:
        book, now = self._book(), int(self._now())
        if presented.startswith("kvx_"):
            return user_of_key(book, presented, now)
        if self._issued is not None and self._issued.issued(presented):
            return self._issued.entry_of(book, presented, now)
        session = session_of(book, presented, now)
        return session.entry if session else None


def _nobody(why: str) -> VoiceApiError:
    fix = "send Authorization: Bearer with a key of `voice-api user add`, or a session that has not ended"
    return VoiceApiError("not_authenticated", f"the request is refused: {why}", fix, 401)
