"""The sentences of a grammar that words can be read as, and what then stands in their slots."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from voice_api.commands.reading.graph import SILENT, Place, Slots
from voice_api.commands.reading.nearness import GUESS, Nearness, Way

# Heard where nothing was said, and said where nothing is heard: without a meaning of their own.
HEARD = frozenset({"a", "an", "these", "those", "this", "our", "my"})
LOST = frozenset({"of", "in", "is", "are", "do", "does", "we", "there", "me", "for", "with"})
MOST_STEPS = 8_000


@dataclass(frozen=True, slots=True)
class Path:
    """A sentence, and which words stand in its slots: from the first to the last, as they were counted."""

    intent: str
    values: Slots
    spans: tuple[tuple[str, int, int], ...]
    cost: float


class Point(NamedTuple):
    """Where one reading of the words has come to; `left` may still be guessed."""

    place: Place
    at: int
    left: float
    values: Slots
    spans: tuple[tuple[str, int, int], ...]


@dataclass(slots=True)
class Walk:
    """Along all sentences at once.

    ways   what may stand at each place, as Nearness.ways says
    spare  whether the word at each place may have been heard where nothing was said
    most   what all guesses may cost together
    """

    ways: Sequence[Sequence[Way]]
    spare: Sequence[bool] = ()
    most: float = 0.0
    steps: int = 0

    def paths(self, beginning: Place) -> list[Path]:
        """All of them, none twice; none at all where there are too many to look at."""
        found = list(dict.fromkeys(self._from(Point(beginning, 0, self.most, (), ()))))
        return found if self.steps < MOST_STEPS else []

    def _from(self, point: Point) -> Iterator[Path]:
        self.steps += 1
        if self.steps >= MOST_STEPS:
            return
        if point.at == len(self.ways):
            for more, intent in point.place.ends:
                values = tuple(sorted((*point.values, *more)))
                yield Path(intent, values, point.spans, self.most - point.left)
        for onwards in self._onwards(point):
            yield from self._from(onwards)

    def _onwards(self, point: Point) -> Iterator[Point]:
        if point.at < len(self.ways):
            yield from self._said(point)
            yield from self._filled(point)
        if point.left >= GUESS:
            yield from self._guessed(point)

    def _said(self, point: Point) -> Iterator[Point]:
        """With the next words for words of the sentence."""
        place, at, left, values, spans = point
        for way in self.ways[at]:
            if way.cost <= left and way.word in place.words:
                for more, after in place.words[way.word]:
                    yield Point(after, at + way.used, left - way.cost, (*values, *more), spans)

    def _filled(self, point: Point) -> Iterator[Point]:
        """With the next words in a slot, as many as leave something that fits behind them."""
        place, at, left, values, spans = point
        for slot, more, after in place.anything:
            for end in range(at + 1, len(self.ways) + 1):
                if self._fits(after, end, left):
                    yield Point(after, end, left, (*values, *more), (*spans, (slot, at, end)))

    def _fits(self, place: Place, at: int, left: float) -> bool:
        """Whether a sentence may go on here; quicker than trying."""
        if left >= GUESS or place.anything:
            return True
        if at == len(self.ways):
            return bool(place.ends)
        return any(way.word in place.words for way in self.ways[at])

    def _guessed(self, point: Point) -> Iterator[Point]:
        """With a word that was heard and not said, or said and not heard."""
        place, at, left, values, spans = point
        if at < len(self.ways) and self.spare[at]:
            yield Point(place, at + 1, left - GUESS, values, spans)
        # What a sentence begins with says what it is for: nobody is taken at a word he did not say.
        for word in LOST & place.words.keys() if at else ():
            for more, after in place.words[word]:
                yield Point(after, at, left - GUESS, (*values, *more), spans)


def counted(words: str) -> tuple[list[str], list[int]]:
    """The words that count, and where each of them stands."""
    said = words.split()
    places = [at for at, word in enumerate(said) if word not in SILENT]
    return [said[at] for at in places], places


def spare(words: Sequence[str], nearness: Nearness) -> list[bool]:
    """Of each word, whether it may have been heard where nothing was said."""
    return [word in HEARD or nearness.silent(word) for word in words]
