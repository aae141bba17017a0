"""Puts right words that a recogniser wrote a letter or two wrong, where nothing else can be meant."""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from rapidfuzz.distance import OSA

LONG_LETTERS = 6
PLACEHOLDERS = re.compile(r"<[^>]*>|\{[^}]*\}")


class Spelling:
    """The words of a grammar's sentences.

    words    every word that stands for itself somewhere
    targets  those that a misspelt word may become. Not among them: what is counted or named, because "bots"
             may be meant; and what negates, because "now ready" and "not ready" are opposites
    """

    def __init__(self, words: frozenset[str], never: frozenset[str]) -> None:
        self.words = words | never
        self.targets = tuple(sorted(word for word in words - never if len(word) > 2))
        self._nearest = lru_cache(maxsize=4096)(self._near_to)

    def corrected(self, words: str) -> str:
        """`words` with each unknown one as the only target near to it, if there is one; as many words."""
        return " ".join(self._corrected(word) for word in words.split())

    def _corrected(self, word: str) -> str:
        nearest = self._nearest(word)
        return nearest[0] if len(nearest) == 1 else word

    def _near_to(self, word: str) -> list[str]:
        """Targets near to a word that is unknown, all of them equally near."""
        if word in self.words:
            return []
        near = 1 if len(word) < LONG_LETTERS else 2
        distances = [(OSA.distance(word, target, score_cutoff=near), target) for target in self.targets]
        best = min((distance for distance, _ in distances), default=near + 1)
        return [target for distance, target in distances if distance == best] if best <= near else []


def spelling_of(document: Mapping[str, object], never: Iterable[str]) -> Spelling:
    """The spelling of a grammar document; words of its lists, and `never`, are left as they are."""
    sentences = _words(document.get("intents")) | _words(document.get("expansion_rules"))
    return Spelling(sentences, _words(document.get("lists")) | frozenset(never))


def _words(part: object) -> frozenset[str]:
    match part:
        case str():
            return frozenset(re.findall(r"[a-z]+", PLACEHOLDERS.sub(" ", part)))
        case Mapping():
            return frozenset().union(*map(_words, part.values()))
        case list():
            return frozenset().union(*map(_words, part))
        case _:
            return frozenset()
