"""What a sentence may ask for: functions with arguments that words settle, and names to be found."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from voice_api.commands.grammar import Grammar, Reading
from voice_api.commands.language.names import LiveObject
from voice_api.commands.language.quantities import mended, quantity, version
from voice_api.commands.reading.nearness import GUESS
from voice_api.commands.registry.declaring import Function
from voice_api.commands.registry.fields import Kind, kind_of
from voice_api.commands.registry.kinds import LiveName, VersionText

# Slots of the grammar that are another argument, and what to multiply the number by.
A_FURTHER_ONE = frozenset({"a", "another"})
ALIASES = {"more": ("change", 1), "less": ("change", -1)}


@dataclass(frozen=True, slots=True)
class Proposal:
    """One meaning of a sentence.

    values  arguments that are settled: numbers, versions, kinds
    spoken  the words that stand for names, by argument
    chosen  objects that somebody has chosen for names that were in doubt
    unread  words where a number or version should be, and is none
    cost    how much of its words, names left out, is a guess
    """

    function: Function
    values: Mapping[str, Any]
    spoken: Mapping[str, str]
    chosen: Mapping[str, LiveObject] = field(default_factory=dict)
    unread: str = ""
    cost: float = 0.0

    @property
    def letters(self) -> int:
        return sum(len(words) for words in self.spoken.values())

    @property
    def own_letters(self) -> int:
        """Of its names, the namespace left out: a number may swallow that one."""
        return sum(len(words) for argument, words in self.spoken.items() if argument != "namespace")


def proposals(grammar: Grammar, functions: Mapping[str, Function], words: str) -> tuple[Proposal, ...]:
    """Every proposal that `words` can be read as, those with the fewest letters in names first."""
    found = _distinct(_proposal(reading, functions) for reading in grammar.every_reading(words))
    return tuple(sorted(found, key=lambda each: each.letters))


def near_proposals(
    grammar: Grammar, functions: Mapping[str, Function], words: str, most: float
) -> tuple[Proposal, ...]:
    """Proposals that may have been said where `words` were heard, those that guess least first."""
    readings = grammar.near_readings(words, most)
    found = _distinct(_proposal(reading, functions, mend=True) for reading in readings)
    return tuple(sorted((each for each in found if each.cost <= most), key=lambda each: each.cost))


def _distinct(found: Iterable[Proposal | None]) -> list[Proposal]:
    distinct: list[Proposal] = []
    for proposal in found:
        if proposal is not None and proposal not in distinct:
            distinct.append(proposal)
    return distinct


def _proposal(reading: Reading, functions: Mapping[str, Function], *, mend: bool = False) -> Proposal | None:
    """None where no function is meant. A number that was misheard is mended if that is wanted, at a cost."""
    function = functions.get(reading.intent)
    if function is None:
        return None
    values: dict[str, Any] = {}
    spoken: dict[str, str] = {}
    unread, cost = "", reading.cost
    for slot, words in {**reading.slots, **reading.unheard}.items():
        name, sign = ALIASES.get(slot, (slot, 1))
        kind = kind_of(function.arguments.model_fields[name])
        if _is_name(kind):
            spoken[name] = words.removeprefix("the ")
            continue
        # "Add a replica" is one more; "scale cart to a" was another number.
        value = None if words in A_FURTHER_ONE and name != "change" else _value(kind, words)
        if value is None and mend and (better := mended(words)) is not None:
            value, cost = _value(kind, better), cost + GUESS
        if value is None:
            unread = words
        else:
            values[name] = value * sign if isinstance(value, int) else value
    return Proposal(function, values, spoken, unread=unread, cost=cost)


def _value(kind: Kind, words: str) -> int | str | None:
    if kind.plain is int:
        return quantity(words)
    if any(isinstance(mark, VersionText) for mark in kind.marks):
        return version(words)
    return words


def _is_name(kind: Kind) -> bool:
    return any(isinstance(mark, LiveName) for mark in kind.marks)


def kinds_of(function: Function, argument: str) -> tuple[str, ...]:
    """Which kinds of objects an argument may name."""
    marks = kind_of(function.arguments.model_fields[argument]).marks
    return next((mark.kinds for mark in marks if isinstance(mark, LiveName)), ())


def slots_of(function: Function) -> Iterator[str]:
    """The names of slots in the grammar that lead to arguments of this function."""
    fields = function.arguments.model_fields
    yield from fields
    yield from (slot for slot, (name, _) in ALIASES.items() if name in fields)
