"""The tag of an image: which revision of the sources it is made of."""

import hashlib

REVISION_DIGITS = 12
CHANGE_DIGITS = 8


def tag_of(revision: str, change: bytes) -> str:
    """The revision of git; where something is changed since, with a digest of what."""
    short = revision[:REVISION_DIGITS]
    return f"{short}-dirty-{hashlib.sha256(change).hexdigest()[:CHANGE_DIGITS]}" if change else short
