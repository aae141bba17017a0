"""Holds what a language model proposes against the sentence: nothing may be in it that nobody said. Pure."""

from collections.abc import Iterator, Mapping, Set
from itertools import islice
from typing import Any

from voice_api.commands.language.proposals import Proposal, kinds_of
from voice_api.commands.language.quantities import quantity, version
from voice_api.commands.normalise import TENS, UNITS, normalise
from voice_api.commands.registry.declaring import Function, NoCall, validated
from voice_api.commands.registry.fields import Kind, kind_of
from voice_api.commands.registry.kinds import VersionText
from voice_api.commands.spoken_names import ABBREVIATIONS, spoken_form

MOST_WORDS = 8
FACTORS = {"double": 200, "twice": 200, "triple": 300, "treble": 300, "thrice": 300, "half": 50, "halve": 50}
# Words that begin a number, whatever stands around it; "to" and "for" are numbers in a number's place alone.
BEGINNINGS = frozenset({*UNITS, *TENS, "a", "half"})
# What a wish is dressed in. With any other word that is no part of the call, more was said than it does:
# when, if, how long, for whom, how many, or that somebody else says so.
EMPTY = frozenset({"a", "an", "the", "of", "it", "its", "be", "so", "that", "i", "we", "us", "me", "you",
                   "my", "our", "would", "could", "can", "will", "want", "need", "have", "get", "give",
                   "make", "let", "do", "go", "put", "good", "quick", "little"})  # fmt: skip


def grounded(function: Function, given: Mapping[str, Any], words: str) -> Proposal | NoCall:
    """The proposal that these arguments make of `words`, which are normalised."""
    fields = function.arguments.model_fields
    arguments = {name: each for name, each in given.items() if not _left_out(function, name, each)}
    names = {name for name in arguments.keys() & fields.keys() if kinds_of(function, name)}
    if not all(isinstance(arguments[name], str) for name in names):
        return NoCall("a name is no text")
    typed = validated({function.name: function}, function.name, arguments | dict.fromkeys(names, "name"))
    if isinstance(typed, NoCall):
        return typed
    spoken = {name: said_as(str(arguments[name]), words) for name in names}
    read = {name: _read(kind_of(fields[name]), arguments[name], words) for name in arguments.keys() - names}
    if lost := [name for name, each in {**spoken, **read}.items() if each is None]:
        return NoCall(f"{min(lost)} is not in the sentence")
    return Proposal(function, read, {name: each for name, each in spoken.items() if each})


def said_as(value: str, words: str) -> str | None:
    """The words of the sentence that are `value`, however it is written; None where nobody said it."""
    form = spoken_form(value).form
    for run in _runs(words) if form else ():
        said = spoken_form(run).form
        if form in {said, ABBREVIATIONS.get(said)}:
            return run
    return None


def left_over(proposal: Proposal, words: str, known: Set[str]) -> list[str]:
    """The words that are no part of the call, that are not `known`, and that mean something."""
    rest = words
    for run in sorted(_runs_of(proposal, words), key=len, reverse=True):
        rest = f" {rest} ".replace(f" {run} ", " ", 1).strip()
    return [word for word in rest.split() if word not in known | EMPTY]


def _runs_of(proposal: Proposal, words: str) -> Iterator[str]:
    yield from proposal.spoken.values()
    for value in proposal.values.values():
        if isinstance(value, str):
            yield from islice((run for run in _runs(words) if value in {run, version(run)}), 1)
        else:
            numbered = [(many, run) for many, run in _numbered(words) if many == abs(value)]
            yield from (run for _, run in numbered)
            yield from (word for word in words.split() if not numbered and FACTORS.get(word) == value)


def numbers(words: str) -> tuple[int, ...]:
    """The numbers that are said, the longest where one is a part of another."""
    return tuple(many for many, _ in _numbered(words))


def _numbered(words: str) -> Iterator[tuple[int, str]]:
    said, at = words.split(), 0
    while at < len(said):
        many, length = _number_at(said[at:])
        if many is not None:
            yield many, " ".join(said[at : at + length])
        at += length


def _number_at(said: list[str]) -> tuple[int | None, int]:
    """The number that `said` begins with and how many words it has; or no number, and the one word passed."""
    if said[0] in BEGINNINGS or said[0].isdigit():
        for length in range(min(len(said), MOST_WORDS), 0, -1):
            many = quantity(" ".join(said[:length]))
            if many is not None and said[:length] != ["a"]:
                return many, length
    return None, 1


def _read(kind: Kind, value: Any, words: str) -> Any:
    """The value as it was said; None where it was not. What can only be one of a few needs no saying."""
    if kind.choices or isinstance(value, bool):
        return value
    if isinstance(value, int):
        factors = (FACTORS[word] for word in words.split() if word in FACTORS)
        return value if abs(value) in {*numbers(words), *factors} else None
    if any(isinstance(mark, VersionText) for mark in kind.marks):
        wanted = version(normalise(value))
        return wanted if wanted and any(version(run) == wanted for run in _runs(words)) else None
    return said_as(value, words)


def _runs(words: str) -> Iterator[str]:
    """Every run of a few words, the longest first."""
    said = words.split()
    for length in range(min(MOST_WORDS, len(said)), 0, -1):
        for start in range(len(said) - length + 1):
            yield " ".join(said[start : start + length])


def _left_out(function: Function, name: str, value: object) -> bool:
    """Nothing, or an empty text, where nothing has to be: many models fill in every argument."""
    field = function.arguments.model_fields.get(name)
    return value in (None, "") and field is not None and not field.is_required()
