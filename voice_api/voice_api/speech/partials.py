"""Words while somebody still speaks: what two hearings in a row agree on is stable, and never taken back."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

LEAST_WAIT_SECONDS = 0.3
LARGEST_SHARE = 0.25
"""Hearing the same sound again and again may take this part of the time, however slow the model is."""

# Scripts without spaces, in which each character counts as a word of its own.
_WIDE = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"\s*(?:[{_WIDE}]|[^\s{_WIDE}]+)")
_LETTERS = re.compile(r"[\W_]+")

Words = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Agreement:
    """Local agreement of two hypotheses over one utterance (Liu et al. 2020, arXiv:2005.11185, LA-2).

    stable        words told already, each with the space before it
    last          the words of the hypothesis before
    contradicted  a later hypothesis has other words where some were told already
    """

    stable: Words = ()
    last: Words = ()
    contradicted: bool = False

    @property
    def text(self) -> str:
        return "".join(self.stable)

    def after(self, hypothesis: str) -> "Agreement":
        """With what this hypothesis agrees on with the last; its last word may be half a word yet."""
        words = _words(hypothesis)
        tail, before = _tail(self.stable, words), _tail(self.stable, self.last)
        agreed = _common(tail[:-1], before)
        return Agreement((*self.stable, *_following(self.stable, tail[:agreed])), words)

    def ended(self, hypothesis: str) -> "Agreement":
        """With all that was heard in the whole utterance: the last words are stable now."""
        words = _words(hypothesis)
        tail = _tail(self.stable, words)
        head = words[: len(words) - len(tail)]
        contradicted = [_sound(word) for word in head] != [_sound(word) for word in self.stable]
        return Agreement((*self.stable, *_following(self.stable, tail)), words, contradicted)

    def told_since(self, before: "Agreement") -> str:
        """What has become stable since."""
        return "".join(self.stable[len(before.stable) :])


def wait_seconds(cost_seconds: float) -> float:
    """From the begin of one hearing to the next, when one takes `cost_seconds`."""
    return max(LEAST_WAIT_SECONDS, cost_seconds / LARGEST_SHARE)


def _words(text: str) -> Words:
    return tuple(_WORD.findall(text.strip()))


def _sound(word: str) -> str:
    """What of a word is compared: neither case nor punctuation, which come and go between hypotheses."""
    return _LETTERS.sub("", word).casefold()


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """How many words both begin with."""
    count = 0
    for first, second in zip(one, other, strict=False):
        if _sound(first) != _sound(second):
            break
        count += 1
    return count


def _tail(stable: Words, words: Words) -> Words:
    """What of `words` comes after the part that stands for the stable ones, however that was heard now.

    That part is the beginning with the fewest words changed, added or left out (edit distance).
    """
    if not stable:
        return words
    row = list(range(len(words) + 1))
    for index, known in enumerate(stable, 1):
        above, row = row, [index]
        for place, word in enumerate(words, 1):
            changed = above[place - 1] + (_sound(known) != _sound(word))
            row.append(min(changed, above[place] + 1, row[place - 1] + 1))
    ends = min(range(len(row)), key=lambda end: (row[end], abs(end - len(stable))))
    return words[ends:]


def _following(before: Words, words: Words) -> Words:
    """The words as they follow others: one that began a hypothesis has no space before it yet."""
    if not before or not words or words[0][0].isspace() or re.match(f"[{_WIDE}]", words[0]):
        return words
    return (f" {words[0]}", *words[1:])
