"""Takes a sentence apart: what was taken back, what was corrected, and what comes after what."""

import re
from dataclasses import dataclass

# Said at the end, or as the whole correction: nothing is to be done.
TAKEN_BACK = frozenset({"never mind", "nevermind", "cancel", "cancel that", "forget it", "forget that",
                        "stop", "no", "no no", "do not", "do not do that", "no do not", "abort", "no stop",
                        "wait", "no wait", "scratch that", "leave it", "no leave it"})  # fmt: skip
# The longest first: "no wait make that six" is one correction, not three.
CORRECTIONS = ("no wait make that", "no wait i mean", "no i mean", "no i meant", "no make that", "no make it",
               "no wait", "no sorry", "sorry i mean", "sorry i meant", "wait make that", "i mean", "i meant",
               "make that", "make it", "scratch that", "correction", "or rather", "actually", "sorry", "no",
               "wait")  # fmt: skip
JOINTS = ("and then", "and after that", "and also", "then", "after that", "and")
# With one of these a sentence says more than any template: nothing is changed by it.
GUARDS = frozenset({"not", "never", "unless", "if", "except", "without", "until", "when", "while", "but",
                    "whether", "instead", "dont"})  # fmt: skip
MOST_CLAUSES, MOST_JOINTS = 3, 8


@dataclass(frozen=True, slots=True)
class Correction:
    """`said` was said first, and `instead` after the words that take it back; empty for nothing at all."""

    said: str
    instead: str


def correction(words: str) -> Correction | None:
    """The last correction in `words`, if there is one."""
    for phrase in sorted(TAKEN_BACK, key=len, reverse=True):
        if words == phrase or words.endswith(f" {phrase}"):
            return Correction(words[: -len(phrase)].rstrip(), "")
    best: tuple[int, int] | None = None
    for marker in CORRECTIONS:
        for found in re.finditer(rf"(?<= ){marker}(?= )", words):
            if best is None or (found.end(), -found.start()) > (best[1], -best[0]):
                best = found.span()
    return Correction(words[: best[0]].rstrip(), words[best[1] :].lstrip()) if best else None


def joints(words: str) -> list[tuple[str, str]]:
    """Every way to take `words` for two clauses, those with the clearest joint first; none for too many."""
    found = (each for joint in JOINTS for each in re.finditer(rf"(?<= ){joint}(?= )", words))
    ways = [(words[: each.start()].rstrip(), words[each.end() :].lstrip()) for each in found]
    return ways if len(ways) <= MOST_JOINTS else []


def guarded(words: str) -> bool:
    """Whether `words` deny, except or condition something."""
    return bool(GUARDS & set(words.split()))
