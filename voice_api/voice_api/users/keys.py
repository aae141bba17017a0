"""API keys: 256 random bits with an id in front, of which only the SHA-256 is kept."""

import hashlib
import hmac
import re
import secrets

from voice_api.users.book import Book, Entry, Key

FORM = re.compile(r"kvx_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
NOBODYS = hashlib.sha256(b"nobody").hexdigest()


def new_key(now: int, expires: int | None = None) -> tuple[str, Key]:
    """The key to be shown once, and what is kept of it."""
    identifier, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    return f"kvx_{identifier}_{secret}", Key(identifier, _digest(secret), now, expires)


def user_of_key(book: Book, presented: str, now: int) -> Entry | None:
    """Whose key this is. A key that nobody has takes as long as a wrong one."""
    parts = FORM.fullmatch(presented)
    if parts is None:
        return None
    known = {key.id: (entry, key) for entry in book.users for key in entry.keys}
    entry, key = known.get(parts[1], (None, None))
    same = hmac.compare_digest(_digest(parts[2]), key.sha256 if key else NOBODYS)
    if not same or key is None or (key.expires is not None and now >= key.expires):
        return None
    return entry


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
