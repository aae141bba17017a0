"""What somebody answers to a question: yes, no, a name, a code; or something that is no answer."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from voice_api.commands.normalise import digits, normalise
from voice_api.commands.spoken_names import exactly

YES = frozenset({"yes", "yeah", "yep", "confirm", "confirmed", "correct", "affirmative", "i confirm", "do it",
                 "go ahead", "that is right", "sure"})  # fmt: skip
NO = frozenset({"no", "nope", "cancel", "stop", "abort", "never mind", "nevermind", "do not", "wait",
                "hold on", "wrong", "negative", "forget it", "not", "never", "but"})  # fmt: skip
MOST_WORDS = 12

Means: TypeAlias = Literal["yes", "no", "name", "code", "wrong_code", "other"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the question would take for an answer besides a yes."""

    name: str
    code: str


def meaning(text: str, wanted: Wanted) -> Means:
    """What `text` says to a question. A no anywhere is a no; a yes with anything unknown is no answer."""
    words = normalise(text).split()
    if not words or len(words) > MOST_WORDS:
        return "other"
    if _says(words, NO) and not exactly(" ".join(words), wanted.name):
        return "no"
    rest = _without_yes(words)
    if not rest:
        return "yes"
    return _pointed(rest, wanted)


def _pointed(rest: list[str], wanted: Wanted) -> Means:
    """A name, a code, or both; nothing besides."""
    number = _digits(rest)
    if number is not None:
        return "code" if number == wanted.code else "wrong_code"
    if exactly(" ".join(rest), wanted.name):
        return "name"
    for count in range(1, len(rest)):
        tail = _digits(rest[-count:])
        if tail is not None and exactly(" ".join(rest[:-count]), wanted.name):
            return "code" if tail == wanted.code else "wrong_code"
    return "other"


def _digits(words: list[str]) -> str | None:
    """Two digits as they may be said: "four seven", "forty seven", "47"."""
    written = digits(" ".join(words)).replace(" ", "")
    return written if written.isdigit() and len(written) == 2 else None


def _says(words: list[str], phrases: frozenset[str]) -> bool:
    text = f" {' '.join(words)} "
    return any(f" {phrase} " in text for phrase in phrases)


def _without_yes(words: list[str]) -> list[str]:
    """What is left when every way of saying yes is taken away, and "and", "the" with it."""
    text = f" {' '.join(words)} "
    for phrase in sorted(YES, key=len, reverse=True):
        while f" {phrase} " in text:
            text = text.replace(f" {phrase} ", " ", 1)
    return [word for word in text.split() if word not in {"and", "the"}]
