"""Finds the live name that a spoken name stands for, and asks rather than guesses."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

from rapidfuzz.fuzz import ratio

from voice_api.commands.normalise import digits

# From a table of recogniser-like pairs: at 0.70 and 0.05 "broad" became a live "prod", here nothing wrong
# was taken. Whole first words of a name ("checkout" for checkout-service) count as a near match.
THRESHOLD = 0.75
MARGIN = 0.08
FIRST_WORDS_SCORE = 0.9
ASK_ABOUT = 0.5
CANDIDATES = 3
ABBREVIATIONS = {"prod": "production", "dev": "development", "stage": "staging"}


@dataclass(frozen=True, slots=True)
class Resolved:
    name: str


@dataclass(frozen=True, slots=True)
class Unsure:
    """No name is sure; `candidates` are at most three, the likeliest first, and may be none."""

    spoken: str
    candidates: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Spoken:
    """A name as it sounds: "edge-1", "Edge one" and "edge 1" are the same.

    beginnings  the name's first word, first two words, and so on
    parts       each run of its words
    """

    form: str
    digits: str
    beginnings: frozenset[str]
    parts: frozenset[str]


def resolve(spoken: str, names: Iterable[str]) -> Resolved | Unsure:
    """The one of `names` that was meant by `spoken`.

    Names are compared without separators and with numbers as digits. An exact match wins; else the best
    match, if it reaches THRESHOLD and leads by MARGIN. Digits must be equal: ingest-01 is not ingest-02.
    """
    said = spoken_form(spoken)
    live = [(name, spoken_form(name)) for name in sorted(set(names))]
    exact = _exact(said, live)
    if exact:
        return Resolved(exact[0]) if len(exact) == 1 else Unsure(spoken, tuple(exact[:CANDIDATES]))
    ranked = sorted((-_likeness(said, sound), name) for name, sound in live)
    inside = {name for name, sound in live if sound.form in said.parts}
    return _surely(spoken, [(-score, name) for score, name in ranked], inside)


def exactly(spoken: str, names: Iterable[str]) -> bool:
    """Whether `spoken` is one of `names` as it is written, and no other: nothing was repaired."""
    return len(_exact(spoken_form(spoken), [(name, spoken_form(name)) for name in sorted(set(names))])) == 1


def _exact(said: Spoken, live: list[tuple[str, Spoken]]) -> list[str]:
    """Names that sound as was said, or else as what it is short for."""
    for form in (said.form, ABBREVIATIONS.get(said.form)):
        if exact := [name for name, sound in live if sound.form == form]:
            return exact
    return []


@lru_cache(maxsize=8192)
def spoken_form(name: str) -> Spoken:
    """How a name sounds, however it is written."""
    # Not normalised: a namespace may well be called "now" or "id".
    words = digits(" ".join(re.findall(r"[a-z0-9]+", name.lower()))).split()
    form = "".join(words)
    beginnings = frozenset(accumulate(words))
    parts = frozenset(part for start in range(len(words)) for part in accumulate(words[start:]))
    return Spoken(form, "".join(re.findall(r"\d", form)), beginnings, parts)


def _surely(spoken: str, ranked: list[tuple[float, str]], inside: set[str]) -> Resolved | Unsure:
    """The best of `ranked`, unless another is near to it or was said in full (is `inside`)."""
    if ranked and ranked[0][0] >= THRESHOLD:
        best, name = ranked[0]
        runner_up = ranked[1][0] if len(ranked) > 1 else 0.0
        if best - runner_up >= MARGIN and inside <= {name}:
            return Resolved(name)
    return Unsure(spoken, tuple(name for score, name in ranked[:CANDIDATES] if score >= ASK_ABOUT))


def _likeness(said: Spoken, live: Spoken) -> float:
    likeness = ratio(said.form, live.form) / 100
    if said.digits != live.digits:
        # Still worth asking about, never worth taking.
        return min(likeness, THRESHOLD - MARGIN)
    if said.form in live.beginnings:
        return max(likeness, FIRST_WORDS_SCORE)
    return likeness
