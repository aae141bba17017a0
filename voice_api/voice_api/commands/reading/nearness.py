"""Which words of a grammar a misheard word may be, and how much of a guess that is."""

import re
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from functools import lru_cache

from rapidfuzz.distance import OSA
from rapidfuzz.fuzz import ratio

from voice_api.commands.language.sounds import sound
from voice_api.commands.reading.graph import SILENT

# Costs. What is joined again from two halves lost no letter; one wrong letter is one guess.
JOINED, GUESS = 0.5, 1.0
LONG_LETTERS = 6
AS_MANY_LETTERS = 40
LEAD = 2
# Small words that sound like others, which are right elsewhere.
SOUNDS_LIKE = {
    "two": "to", "too": "to", "for": "four", "four": "for", "buy": "by", "bye": "by", "their": "there",
    "inn": "in", "his": "is", "our": "are", "off": "of", "wee": "we",
}  # fmt: skip
# Many do not speak it, and many a recogniser hears one that nobody spoke.
SILENT_R = re.compile(r"(?<=[aeiou])r(?![aeiou])")
ENDING = re.compile(r"(?<=...)(es|s|ed|d|ing)$")


@dataclass(frozen=True, slots=True)
class Way:
    """The next `used` words are one word of the grammar, at a cost."""

    word: str
    cost: float
    used: int


@dataclass(frozen=True, slots=True)
class Heard:
    """Words that are not taken for anything that is near to them.

    exactly   nothing is taken for them: they negate or destroy
    by_sound  only what sounds like them and begins so is taken for them: they are counted
    surely    taken only where no other of these is nearly as near: wishes and their opposites
    settled   never taken for another word: they are what they are
    """

    exactly: Set[str] = frozenset()
    by_sound: Set[str] = frozenset()
    surely: Set[str] = frozenset()
    settled: Set[str] = frozenset()


class Nearness:
    """The words of a grammar, for what is misheard."""

    def __init__(self, words: Set[str], heard: Heard) -> None:
        self._words, self._heard = words, heard
        self._settled = heard.settled
        self._wishes = tuple(sorted(heard.surely | heard.exactly))
        self._targets = tuple(sorted(words - heard.exactly))
        self.near = lru_cache(maxsize=4096)(self._near)

    def ways(self, words: Sequence[str]) -> list[list[Way]]:
        """For each place of a sentence, what may stand there; what is exact first."""
        return [list(self._ways_at(words, at)) for at in range(len(words))]

    def silent(self, word: str) -> bool:
        """Whether it may be one of the words that mean nothing, misheard."""
        if word in self._words or word in self._settled or len(word) < 2:
            return False
        return any(OSA.distance(word, each, score_cutoff=1) <= 1 for each in SILENT)

    def _ways_at(self, words: Sequence[str], at: int) -> Iterator[Way]:
        word = words[at]
        yield Way(word, 0.0, 1)
        yield from (Way(each, cost, 1) for each, cost in self.near(word))
        if at + 1 == len(words) or words[at + 1] in self._settled or word in self._settled:
            return
        joined = word + words[at + 1]
        if joined in self._words:
            yield Way(joined, JOINED, 2)
        elif len(joined) > 4 and not {word, words[at + 1]} <= self._words:
            yield from (Way(each, cost + JOINED, 2) for each, cost in self.near(joined) if cost <= GUESS)

    def _near(self, word: str) -> tuple[tuple[str, float], ...]:
        if SOUNDS_LIKE.get(word) in self._words:
            return ((SOUNDS_LIKE[word], JOINED),)
        if word in self._settled or word.isdigit():
            return ()
        if word in self._words and len(word) > 1:
            found = [(each, GUESS) for each in self._targets if each != word and _same_stem(word, each)]
        else:
            found = [(each, cost) for each in self._targets if (cost := self._cost(word, each)) is not None]
        return tuple((each, cost) for each, cost in found if self._leads(word, each))

    def _cost(self, word: str, target: str) -> float | None:
        if target in self._heard.by_sound:
            alike = word[0] == target[0] and _sound(word) == _sound(target)
            return GUESS if alike or _same_stem(word, target) else None
        return _cost(word, target)

    def _leads(self, word: str, target: str) -> bool:
        """Whether no other wish is nearly as near as this one."""
        if target not in self._heard.surely:
            return True
        own = OSA.distance(word, target)
        others = (each for each in self._wishes if each != target and not _same_stem(each, target))
        return all(OSA.distance(word, each, score_cutoff=own + LEAD) >= own + LEAD for each in others)


def _cost(word: str, target: str) -> float | None:
    """None where they are not near."""
    if _same_stem(word, target):
        return GUESS
    letters = len(target)
    if letters < 2 or (letters == 2 and len(word) > 3):
        return None
    most = 1 if letters < LONG_LETTERS else 2
    distance = OSA.distance(word, target, score_cutoff=most)
    if distance == 1:
        return GUESS
    if letters > 3 and _sound(word) == _sound(target) and ratio(word, target) >= AS_MANY_LETTERS:
        return GUESS
    return distance * GUESS if distance <= most else None


@lru_cache(maxsize=4096)
def _sound(word: str) -> str:
    return sound(SILENT_R.sub("", word))


def _same_stem(one: str, other: str) -> bool:
    """Whether they are one word with other endings."""
    return ENDING.sub("", one) == ENDING.sub("", other) and min(len(one), len(other)) > 3
