"""Sessions: signed tokens of a day at most, told apart by an id, and taken back by user or one by one."""

import base64
import binascii
import json
import secrets
from dataclasses import dataclass
from typing import Any

import jwt

from voice_api.users.book import SESSION_SECONDS, Algorithm, Book, Entry, Signing

ISSUER = "kvx"
AUDIENCE = "kvx-voice-api"
MOST_CHARACTERS = 2_048
SKEW_SECONDS = 60
HEADER = frozenset({"alg", "kid", "typ"})
CLAIMS = ["iss", "aud", "sub", "jti", "iat", "nbf", "exp"]


@dataclass(frozen=True, slots=True)
class Session:
    """Whose it is, and its id."""

    entry: Entry
    id: str


def new_signing(algorithm: Algorithm, now: int) -> Signing:
    identifier = secrets.token_hex(6)
    if algorithm == "HS256":
        return Signing(identifier, algorithm, secrets.token_hex(32), now)
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    plain = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return Signing(identifier, algorithm, Ed25519PrivateKey.generate().private_bytes(*plain).decode(), now)


def new_session(signing: Signing, user: str, now: int, seconds: int = SESSION_SECONDS) -> str:
    """The token; it never lasts longer than a day."""
    until = now + min(seconds, SESSION_SECONDS)
    who = {"iss": ISSUER, "aud": AUDIENCE, "sub": user, "jti": secrets.token_hex(8)}
    times = {"iat": now, "nbf": now, "exp": until}
    secret = bytes.fromhex(signing.secret) if signing.algorithm == "HS256" else signing.secret
    return jwt.encode({**who, **times}, secret, signing.algorithm, headers={"kid": signing.id})


def session_of(book: Book, token: str, now: int) -> Session | None:
    """The session of a token that was signed here, has not ended, and was not taken back; else None."""
    signing = _signed_with(book, token)
    if signing is None:
        return None
    try:
        claims = jwt.decode(
            token,
            _verifying(signing),
            algorithms=[signing.algorithm],  # as the key is, whatever the token says
            audience=AUDIENCE,
            issuer=ISSUER,
            options={"require": CLAIMS, "verify_exp": False, "verify_nbf": False, "verify_iat": False},
        )
    except jwt.InvalidTokenError:
        return None
    entry = book.user(str(claims["sub"]))
    return Session(entry, str(claims["jti"])) if entry and _counts(book, entry, claims, now) else None


def _counts(book: Book, entry: Entry, claims: dict[str, Any], now: int) -> bool:
    times = [claims[name] for name in ("iat", "nbf", "exp")]
    if not all(type(each) is int for each in times):
        return False
    begun, valid_from, until = times
    return (
        max(begun, valid_from) <= now + SKEW_SECONDS
        and now < until <= begun + SESSION_SECONDS
        and begun >= entry.sessions_from
        and claims["jti"] not in {each.session for each in book.revoked}
    )


def _signed_with(book: Book, token: str) -> Signing | None:
    """The key that a token names, if nothing about it is out of the ordinary."""
    parts = parts_of(token) if len(token) <= MOST_CHARACTERS else None
    if parts is None or not parts[0].keys() <= HEADER:
        return None
    return next((each for each in book.signing if each.id == parts[0].get("kid")), None)


def parts_of(token: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Header and claims of what has the form of a token; nothing of it is believed yet."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    header, claims = (_object(part) for part in parts[:2])
    return None if header is None or claims is None else (header, claims)


def _object(part: str) -> dict[str, Any] | None:
    """What a part of a token says, None where it says something twice or is no object."""
    try:
        padded = part + "=" * (-len(part) % 4)
        content = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True), object_pairs_hook=_once)
    except (binascii.Error, ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member is given twice")
    return found


def _verifying(signing: Signing) -> Any:
    if signing.algorithm == "HS256":
        return bytes.fromhex(signing.secret)
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    return load_pem_private_key(signing.secret.encode(), None).public_key()
