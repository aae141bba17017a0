"""What a program said before it ended: the message, and the fix that programs of kvx write below it."""

from collections.abc import Sequence
from dataclasses import dataclass

_FIX = "fix: "


@dataclass(frozen=True, slots=True)
class LastWords:
    """`fix` is empty where the program named none, `message` where it said nothing."""

    message: str = ""
    fix: str = ""


def last_words(lines: Sequence[str]) -> LastWords:
    """Of the last lines of a log, none of them empty."""
    if not lines:
        return LastWords()
    *before, last = lines
    if before and last.startswith(_FIX):
        return LastWords(before[-1], last.removeprefix(_FIX))
    return LastWords(last)
