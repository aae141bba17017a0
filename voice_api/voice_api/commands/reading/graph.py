"""All sentences of a grammar as one graph of words: what is common to many of them is in it once."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import reduce
from typing import TypeAlias

from hassil import Intents
from hassil.expression import (
    Alternative,
    Expression,
    Group,
    ListReference,
    Permutation,
    RuleReference,
    Sentence,
    TextChunk,
)
from hassil.intents import TextSlotList
from hassil.parser import ParseError

# Said or left out anywhere, without another meaning.
SILENT = frozenset({"the"})


@dataclass(frozen=True, slots=True)
class Letter:
    letter: str
    after: int


@dataclass(frozen=True, slots=True)
class Anything:
    """Any words, for a slot."""

    slot: str
    after: int


@dataclass(frozen=True, slots=True)
class Captured:
    """What was read just now stands for `value` of a slot."""

    slot: str
    value: str
    after: int


@dataclass(frozen=True, slots=True)
class End:
    """A sentence of `intent` is complete; `fixed` are slots that are never said."""

    intent: str
    fixed: tuple[tuple[str, str], ...]


Edge: TypeAlias = Letter | Anything | Captured | End
Slots: TypeAlias = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Place:
    """Between two words of a sentence: what may follow. Each is captured slots and where it leads."""

    words: dict[str, list[tuple[Slots, "Place"]]] = field(default_factory=dict)
    anything: list[tuple[str, Slots, "Place"]] = field(default_factory=list)
    ends: list[tuple[Slots, str]] = field(default_factory=list)


def graph_of(intents: Intents) -> Place:
    """The beginning of every sentence of these intents."""
    return _Words(_Letters(intents)).beginning()


def words_in(beginning: Place) -> frozenset[str]:
    """Every word that stands for itself somewhere."""
    return frozenset(word for place in places(beginning) for word in place.words)


def places(beginning: Place) -> Iterator[Place]:
    """Each place once."""
    seen, waiting = {id(beginning)}, [beginning]
    while waiting:
        place = waiting.pop()
        yield place
        for following in _following(place):
            if id(following) not in seen:
                seen.add(id(following))
                waiting.append(following)


def _following(place: Place) -> Iterator[Place]:
    for ways in place.words.values():
        yield from (after for _, after in ways)
    yield from (after for _, _, after in place.anything)


class _Letters:
    """The graph letter by letter, made from its ends: equal rests of sentences are one node."""

    def __init__(self, intents: Intents) -> None:
        self._intents = intents
        self._numbers: dict[frozenset[Edge], int] = {}
        self.edges: list[frozenset[Edge]] = []
        self._rules: dict[tuple[str, int], int] = {}

    def beginning(self) -> int:
        return self._either(
            self._node(sentence.expression, self._one(End(name, _texts(block.slots))))
            for name, intent in self._intents.intents.items()
            for block in intent.data
            for sentence in block.sentences
        )

    def one_of(self, edge: Edge) -> int:
        return self._one(edge)

    def _one(self, *edges: Edge) -> int:
        return self._number(frozenset(edges))

    def _either(self, nodes: Iterable[int]) -> int:
        return self._number(frozenset().union(*(self.edges[node] for node in list(nodes))))

    def _number(self, edges: frozenset[Edge]) -> int:
        if edges not in self._numbers:
            self._numbers[edges] = len(self.edges)
            self.edges.append(edges)
        return self._numbers[edges]

    def _node(self, expression: Expression, after: int) -> int:
        match expression:
            case TextChunk(text=text):
                return reduce(
                    lambda behind, letter: self._one(Letter(letter, behind)), reversed(text.lower()), after
                )
            case Group():
                return self._group(expression, after)
            case RuleReference(rule_name=name):
                return self._rule(name, after)
            case ListReference():
                return self._listed(expression, after)
            case _:
                raise ParseError(f"{type(expression).__name__} is not understood here")

    def _group(self, group: Group, after: int) -> int:
        match group:
            case Permutation():
                return self._either(
                    self._node(first, self._node(rest, after) if rest.items else after)
                    for first, rest in group.iterate_permutations()
                )
            case Alternative(items=items):
                return self._either(self._node(item, after) for item in items)
            case _:
                return reduce(lambda behind, item: self._node(item, behind), reversed(group.items), after)

    def _rule(self, name: str, after: int) -> int:
        if (name, after) not in self._rules:
            rule: Sentence = self._intents.expansion_rules[name]
            self._rules[name, after] = self._node(rule.expression, after)
        return self._rules[name, after]

    def _listed(self, reference: ListReference, after: int) -> int:
        """Names and numbers are any words: what reads them knows more of them than a list."""
        values = self._intents.slot_lists[reference.list_name]
        slot = reference.slot_name
        if not isinstance(values, TextSlotList) or not values.values:
            return self._one(Anything(slot, after))
        return self._either(
            self._node(each.text_in, self._one(Captured(slot, str(each.value_out), after)))
            for each in values.values
        )


class _Words:
    """The graph word by word."""

    def __init__(self, letters: _Letters) -> None:
        self._letters = letters
        self._places: dict[int, Place] = {}
        self._empty: list[int] = []

    def beginning(self) -> Place:
        first = self._place(self._letters.beginning())
        while self._empty:
            self._fill(self._empty.pop())
        return first

    def _place(self, node: int) -> Place:
        """The place of a node, which is filled later where it is new."""
        if node not in self._places:
            self._places[node] = Place()
            self._empty.append(node)
        return self._places[node]

    def _fill(self, node: int) -> None:
        place = self._places[node]
        words: set[tuple[str, Slots, int]] = set()
        for word, slots, edge in self._onwards(node):
            if word:
                after = edge.after if isinstance(edge, Letter) else self._letters.one_of(edge)
                words.add((word, slots, after))
            elif isinstance(edge, End):
                place.ends.append(((*slots, *edge.fixed), edge.intent))
            elif isinstance(edge, Anything):
                place.anything.append((edge.slot, slots, self._place(edge.after)))
        for word, slots, after in sorted(words):
            place.words.setdefault(word, []).append((slots, self._place(after)))

    def _onwards(self, node: int) -> Iterator[tuple[str, Slots, Edge]]:
        """Each next word with what it captures, and the edge behind it: a space, a slot or the end."""
        waiting: list[tuple[int, str, Slots]] = [(node, "", ())]
        while waiting:
            at, word, slots = waiting.pop()
            for edge in self._letters.edges[at]:
                match edge:
                    case Captured(slot, value, after):
                        waiting.append((after, word, (*slots, (slot, value))))
                    case Letter(" ", after) if not word or word in SILENT:
                        waiting.append((after, "", slots))
                    case Letter(letter, after) if letter != " ":
                        waiting.append((after, word + letter, slots))
                    case _:
                        yield ("" if word in SILENT else word), slots, edge


def _texts(fixed: Mapping[str, object]) -> Slots:
    return tuple((name, str(value)) for name, value in fixed.items())
