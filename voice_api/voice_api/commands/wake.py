"""Tells what is said to the service from what is said beside it, by the words that call it; pure."""

import re

from voice_api.commands.language.sounds import sound

MOST_CHARACTERS = 64
_OTHER = re.compile(r"[^a-z0-9]")


def addressed(text: str, phrase: str) -> str | None:
    """What follows the phrase, as it was said; None where the words do not begin with it.

    Words are compared by their sound, since they are heard and not read.
    """
    said, called = text.split(), phrase.split()
    if not called or [_key(word) for word in said[: len(called)]] != [_key(word) for word in called]:
        return None
    return " ".join(said[len(called) :])


def _key(word: str) -> str:
    return sound(_OTHER.sub("", word.lower()))
