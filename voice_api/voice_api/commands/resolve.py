"""Finds the live name that a spoken name stands for, and asks rather than guesses."""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from rapidfuzz.fuzz import ratio

from voice_api.commands.normalise import digits, normalise

# Fitted on recogniser-like pairs: at 0.70 and 0.05 "broad" became a live "prod"; here nothing wrong was
# taken. A name of which only the beginning was said counts as much as a near match.
THRESHOLD = 0.75
MARGIN = 0.08
BEGINNING_SCORE = 0.9
BEGINNING_LETTERS = 4
ASK_ABOUT = 0.5
CANDIDATES = 3


@dataclass(frozen=True, slots=True)
class Resolved:
    name: str


@dataclass(frozen=True, slots=True)
class Unsure:
    """No name is sure; `candidates` are at most three, the likeliest first, and may be none."""

    spoken: str
    candidates: tuple[str, ...]


def resolve(spoken: str, names: Iterable[str]) -> Resolved | Unsure:
    """The one of `names` that was meant by `spoken`.

    Names are compared without separators and with numbers as digits. An exact match wins; else the best
    match, if it reaches THRESHOLD and leads by MARGIN. Digits must be equal: ingest-01 is not ingest-02.
    """
    said = spoken_form(spoken)
    by_form: defaultdict[str, list[str]] = defaultdict(list)
    for name in sorted(set(names)):
        by_form[spoken_form(name)].append(name)
    if said in by_form:
        exact = by_form[said]
        return Resolved(exact[0]) if len(exact) == 1 else Unsure(spoken, tuple(exact[:CANDIDATES]))
    ranked = sorted(
        ((_score(said, form), name) for form, same in by_form.items() for name in same),
        key=lambda scored: (-scored[0], scored[1]),
    )
    return _surely(spoken, ranked)


def spoken_form(name: str) -> str:
    """`name` as it sounds, for comparing: "edge-1", "Edge one" and "edge 01" differ only in digits."""
    return digits(normalise(name)).replace(" ", "")


def _surely(spoken: str, ranked: list[tuple[float, str]]) -> Resolved | Unsure:
    if ranked and ranked[0][0] >= THRESHOLD:
        runner_up = ranked[1][0] if len(ranked) > 1 else 0.0
        if ranked[0][0] - runner_up >= MARGIN:
            return Resolved(ranked[0][1])
    likely = tuple(name for score, name in ranked[:CANDIDATES] if score >= ASK_ABOUT)
    return Unsure(spoken, likely)


def _score(said: str, form: str) -> float:
    likeness = ratio(said, form) / 100
    if len(said) >= BEGINNING_LETTERS and form.startswith(said):
        return max(likeness, BEGINNING_SCORE)
    if _digits_of(said) != _digits_of(form):
        # Still worth asking about, never worth taking.
        return min(likeness, THRESHOLD - MARGIN)
    return likeness


def _digits_of(form: str) -> str:
    return "".join(re.findall(r"\d", form))
