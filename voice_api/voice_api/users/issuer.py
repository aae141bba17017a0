"""Sessions of an identity provider: tokens that it signed for us, and which user or group they are of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jwt

from voice_api.cluster.identity import PLAIN
from voice_api.users.book import SESSION_SECONDS, Book, Entry
from voice_api.users.sessions import SKEW_SECONDS, parts_of

USER, GROUP = "oidc:", "oidc-group:"
"""What their names begin with in the book, so that nobody there can take the name of a user of ours."""

SIGNED = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"})
LEAST_RSA_BITS = 2_048
MOST_GROUPS = 500
REQUIRED = ["iss", "aud", "sub", "iat", "exp"]


@dataclass(frozen=True, slots=True)
class Issuer:
    """A provider, and what its tokens have to say.

    address   as its tokens name it, and where its discovery document is
    audience  that tokens are for
    """

    address: str
    audience: str
    user_claim: str = "sub"
    groups_claim: str = "groups"


class IssuedSessions:
    """Knows who a token of the issuer is of. `keys` finds a key by its id, None where there is none."""

    def __init__(self, issuer: Issuer, keys: Callable[[str], jwt.PyJWK | None]) -> None:
        self._issuer, self._keys = issuer, keys

    def issued(self, token: str) -> bool:
        """Whether it says that it is of this issuer; nothing is believed of it yet."""
        parts = parts_of(token)
        return parts is not None and parts[1].get("iss") == self._issuer.address

    def entry_of(self, book: Book, token: str, now: int) -> Entry | None:
        """With what the book allows the user, or a group of theirs; VoiceApiError while no keys are known."""
        claims = self._claims(token)
        if claims is None or not _in_time(claims, now):
            return None
        name = claims.get(self._issuer.user_claim)
        if not isinstance(name, str) or not PLAIN.fullmatch(f"{USER}{name}"):
            return None
        entry = book.user(f"{USER}{name}") or self._of_a_group(book, claims, f"{USER}{name}")
        return entry if entry is not None and claims["iat"] >= entry.sessions_from else None

    def _claims(self, token: str) -> Mapping[str, Any] | None:
        """What a token says that this issuer signed for this audience."""
        parts = parts_of(token)
        identifier = parts[0].get("kid") if parts else None
        if parts is None or not isinstance(identifier, str) or "crit" in parts[0]:
            return None
        key = self._keys(identifier)
        if key is None or not _fit(key):
            return None
        try:
            found: Mapping[str, Any] = jwt.decode(
                token,
                key.key,
                algorithms=[key.algorithm_name],  # as the key is, whatever the token says
                audience=self._issuer.audience,
                issuer=self._issuer.address,
                # When it counts is looked at by `_in_time`.
                options={"require": REQUIRED, "verify_exp": False, "verify_nbf": False, "verify_iat": False},
            )
        except jwt.InvalidTokenError:
            return None
        return found

    def _of_a_group(self, book: Book, claims: Mapping[str, Any], name: str) -> Entry | None:
        """Of several groups the first by its name: rights of two are never put together."""
        groups = claims.get(self._issuer.groups_claim)
        if not isinstance(groups, list) or len(groups) > MOST_GROUPS:
            return None
        entries = (book.user(f"{GROUP}{each}") for each in sorted(map(str, groups)))
        entry = next((each for each in entries if each is not None), None)
        if entry is None:
            return None
        return Entry(name, entry.roles, entry.environments, entry.groups, sessions_from=entry.sessions_from)


def _fit(key: jwt.PyJWK) -> bool:
    if key.algorithm_name not in SIGNED or key.public_key_use not in {None, "sig"}:
        return False
    return key.key_type != "RSA" or key.key.key_size >= LEAST_RSA_BITS


def _in_time(claims: Mapping[str, Any], now: int) -> bool:
    """Of a day at most, as our own sessions."""
    begun, until = claims["iat"], claims["exp"]
    valid_from = claims.get("nbf", begun)
    if not all(
        isinstance(each, int | float) and not isinstance(each, bool) for each in (begun, until, valid_from)
    ):
        return False
    starts = max(begun, valid_from)
    return bool(starts <= now + SKEW_SECONDS and now < until and now < begun + SESSION_SECONDS)
