"""Tells what is said to the service from what is said beside it, by the words that call it; pure."""

import re
from dataclasses import dataclass
from typing import Protocol

from voice_api.commands.language.sounds import sound

MOST_CHARACTERS = 64
_OTHER = re.compile(r"[^a-z0-9]")


class Understanding(Protocol):
    """As whoever listens has it."""

    def settled(self, text: str) -> bool: ...

    def better(self, text: str, than: str) -> bool: ...


def addressed(text: str, phrase: str) -> str | None:
    """What follows the phrase, as it was said; None where the words do not begin with it.

    Words are compared by their sound, since they are heard and not read.
    """
    said, called = text.split(), phrase.split()
    if not called or [_key(word) for word in said[: len(called)]] != [_key(word) for word in called]:
        return None
    return " ".join(said[len(called) :])


@dataclass(frozen=True, slots=True)
class Called:
    """An Understanding of sentences that may begin with a phrase which is no part of them."""

    understanding: Understanding
    phrase: str

    def settled(self, text: str) -> bool:
        return self.understanding.settled(self._without(text))

    def better(self, text: str, than: str) -> bool:
        return self.understanding.better(self._without(text), self._without(than))

    def _without(self, text: str) -> str:
        rest = addressed(text, self.phrase)
        return text if rest is None else rest


def _key(word: str) -> str:
    return sound(_OTHER.sub("", word.lower()))
