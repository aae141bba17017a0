"""Names as they sound: "edge-1", "Edge one" and "edge 1" are the same. Pure."""

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

from voice_api.commands.normalise import digits

ABBREVIATIONS = {"prod": "production", "dev": "development", "stage": "staging"}


@dataclass(frozen=True, slots=True)
class Spoken:
    """A name as it sounds.

    words  without separators, numbers as digits
    form   the same, written as one
    """

    words: str
    form: str
    digits: str

    @property
    def parts(self) -> frozenset[str]:
        """Each run of its words."""
        words = self.words.split()
        return frozenset(part for start in range(len(words)) for part in accumulate(words[start:]))

    def begins(self, form: str) -> bool:
        """Whether `form` is the name's first word, first two words, and so on."""
        return self.form.startswith(form) and form in accumulate(self.words.split())


@lru_cache(maxsize=8192)
def spoken_form(name: str) -> Spoken:
    """How a name sounds, however it is written."""
    # Not normalised: a namespace may well be called "now" or "id".
    words = digits(" ".join(re.findall(r"[a-z0-9]+", name.lower())))
    return Spoken(words, words.replace(" ", ""), "".join(re.findall(r"\d", words)))


def exactly(spoken: str, name: str) -> bool:
    """Whether `spoken` is `name` as it is written, or what is short for it: nothing was repaired."""
    said, form = spoken_form(spoken).form, spoken_form(name).form
    return form in {said, ABBREVIATIONS.get(said)}
