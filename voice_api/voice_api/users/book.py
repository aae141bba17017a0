"""The users' book as a value: users with hashed keys, and what sessions are signed with. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from voice_api.commands.level import Environment

Algorithm: TypeAlias = Literal["EdDSA", "HS256"]
SESSION_SECONDS = 24 * 3600


@dataclass(frozen=True, slots=True)
class Key:
    """An API key; the key itself is kept nowhere. `expires` is None for one that lasts. Times since 1970."""

    id: str
    sha256: str
    created: int
    expires: int | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One user. Sessions that began before `sessions_from` are refused."""

    name: str
    roles: tuple[str, ...] = ()
    environments: tuple[Environment, ...] = ()
    groups: tuple[str, ...] = ()
    keys: tuple[Key, ...] = ()
    sessions_from: int = 0


@dataclass(frozen=True, slots=True)
class Signing:
    """A key that sessions are signed with: PEM for EdDSA, hexadecimal digits for HS256.

    retired  since when it signs no more; what it has signed counts until it ends
    """

    id: str
    algorithm: Algorithm
    secret: str = field(repr=False)
    created: int = 0
    retired: int | None = None


@dataclass(frozen=True, slots=True)
class Revoked:
    """A session that was taken back before its end."""

    session: str
    until: int


@dataclass(frozen=True, slots=True)
class Book:
    """Everything about users; `seal` is what journal and questions are sealed with, in hexadecimal digits."""

    seal: str = field(repr=False)
    users: tuple[Entry, ...] = ()
    signing: tuple[Signing, ...] = ()
    revoked: tuple[Revoked, ...] = ()

    def user(self, name: str) -> Entry | None:
        return next((each for each in self.users if each.name == name), None)

    def with_user(self, entry: Entry) -> "Book":
        others = (each for each in self.users if each.name != entry.name)
        return replace(self, users=tuple(sorted((*others, entry), key=lambda each: each.name)))

    def without_user(self, name: str) -> "Book":
        return replace(self, users=tuple(each for each in self.users if each.name != name))

    def signs_with(self) -> Signing | None:
        """The newest key that is not retired."""
        return max(_usable(self.signing), key=lambda each: each.created, default=None)

    def rotated(self, new: Signing, now: int) -> "Book":
        """With another signing key: the former ones only count for as long as their sessions may last."""
        kept = (
            replace(each, retired=now if each.retired is None else each.retired)
            for each in self.signing
            if each.retired is None or now < each.retired + SESSION_SECONDS
        )
        return replace(self, signing=(*kept, new))

    def without_session(self, session: str, now: int) -> "Book":
        """What is revoked is remembered until it would have ended."""
        others = tuple(each for each in self.revoked if each.until > now and each.session != session)
        return replace(self, revoked=(*others, Revoked(session, now + SESSION_SECONDS)))


def _usable(keys: Iterable[Signing]) -> Iterable[Signing]:
    return (each for each in keys if each.retired is None)
