"""Which live object a spoken name means: by letters and by sound, digits exact; a question when in doubt."""

import bisect
import itertools
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, TypeVar

from rapidfuzz import fuzz, process

from voice_api.commands.language.quantities import HOMOPHONES
from voice_api.commands.language.sounds import sound
from voice_api.commands.spoken_names import ABBREVIATIONS, Spoken, spoken_form

# From a table of recogniser-like pairs: at 0.70 and 0.05 "broad" became a live "prod", here nothing wrong
# was taken. Whole first words of a name ("checkout" for checkout-service) count as a near match.
THRESHOLD = 0.75
MARGIN = 0.08
FIRST_WORDS_SCORE = 0.9
ASK_ABOUT = 0.5
CANDIDATES = 3
LOOKED_AT = 12
Value = TypeVar("Value")
SYMBOLS = frozenset({"dash", "hyphen", "minus", "dot", "point", "underscore"})


@dataclass(frozen=True, slots=True, order=True)
class LiveObject:
    """Something that has a name in the cluster; `namespace` is empty where it belongs to none."""

    name: str
    namespace: str
    kind: str


@dataclass(frozen=True, slots=True)
class Found:
    """One object; `exact` where nothing of its name was repaired."""

    object: LiveObject
    exact: bool


@dataclass(frozen=True, slots=True)
class Doubt:
    """Not sure: at most three objects, the likeliest first, and perhaps none.

    why  a sentence, where names of that kind cannot be had now
    """

    spoken: str
    candidates: tuple[LiveObject, ...]
    why: str = ""


Resolution: TypeAlias = Found | Doubt


class Finder(Protocol):
    """Finds what a spoken name means."""

    def find(self, spoken: str, kinds: tuple[str, ...], namespace: str = "", home: str = "") -> Resolution:
        """The one object of `kinds` that `spoken` means.

        namespace  only there, if it is given
        home       where the conversation is: of one name in several namespaces, that one is meant
        """
        ...


class LiveNames:
    """Objects of one moment, prepared for being looked for; made anew when they change."""

    def __init__(self, objects: Iterable[LiveObject]) -> None:
        self._by_kind: dict[str, list[LiveObject]] = defaultdict(list)
        for each in sorted(set(objects)):
            self._by_kind[each.kind].append(each)
        self._shelves: dict[tuple[tuple[str, ...], str], _Shelf] = {}

    def find(self, spoken: str, kinds: tuple[str, ...], namespace: str = "", home: str = "") -> Resolution:
        """As Finder says."""
        shelf = self._shelf(kinds, namespace)
        names, exact = shelf.names(spoken)
        objects = [each for name in names for each in _without_services(shelf.objects[name])]
        if shelf.sure(spoken, names, exact):
            named = _without_services(shelf.objects[names[0]])
            here = [each for each in named if home and each.namespace == home]
            only = here if len(here) == 1 else named
            if len(only) == 1:
                return Found(only[0], exact)
        return Doubt(spoken, tuple(objects[:CANDIDATES]))

    def prepare(self, every: Iterable[tuple[str, ...]]) -> None:
        """Make ready what is looked for among these kinds, so that the first who looks does not wait."""
        for kinds in every:
            self._shelf(kinds, "")

    def _shelf(self, kinds: tuple[str, ...], namespace: str) -> "_Shelf":
        key = (kinds, namespace)
        if key not in self._shelves:
            objects = (each for kind in kinds for each in self._by_kind[kind])
            self._shelves[key] = _Shelf([each for each in objects if namespace in {"", each.namespace}])
        return self._shelves[key]


class _Shelf:
    """The names among which one is looked for. Of thousands, so each is kept in as few objects as may be."""

    def __init__(self, objects: Sequence[LiveObject]) -> None:
        self.objects = _grouped((each.name, each) for each in objects)
        self._named = _grouped((spoken_form(name).form, name) for name in self.objects)
        self._zeroed = _grouped(_without_zeros(self.objects))
        self._forms = sorted(self._named)
        self._heard = _grouped((sound(form), form) for form in self._forms)
        self._sounds = list(self._heard)

    def names(self, spoken: str) -> tuple[Sequence[str], bool]:
        """Names that may be meant, the likeliest first, and whether they are exactly what was said."""
        said = spoken_form(spoken)
        for form in (said.form, ABBREVIATIONS.get(said.form), _without_symbols(spoken)):
            if form and (exact := self._named.get(form)):
                return exact, True
        if same := self._same_but_for_numbers(spoken):
            return same, False
        scored = [(self._likeness(said, name), name) for name in self._near(said)]
        return [name for score, name in sorted(scored, key=_best_first) if score >= ASK_ABOUT], False

    def sure(self, spoken: str, names: Sequence[str], exact: bool) -> bool:
        """Whether the first of these names is meant beyond doubt."""
        if exact or not names:
            return exact and len(names) == 1
        said = spoken_form(spoken)
        best, *others = [self._likeness(said, name) for name in names]
        # A live name among the words, with others beside it: those were meant to say something, too.
        inside = not said.parts.isdisjoint(self._named)
        if names == self._same_but_for_numbers(spoken):
            return len(names) == 1 and not inside
        return best >= THRESHOLD and best - max(others, default=0.0) >= MARGIN and not inside

    def _same_but_for_numbers(self, spoken: str) -> list[str]:
        """Names that are what was said but for "won" in the place of "one", or 1 in the place of 01."""
        first, *others = spoken.split() or [""]
        heard = " ".join([first, *(HOMOPHONES.get(word, word) for word in others)])
        plain = _with_plain_numbers(heard)
        return sorted((*self._named.get(plain, ()), *self._zeroed.get(plain, ())))

    def _near(self, said: Spoken) -> set[str]:
        """Names worth a closer look: near in letters, near in sound, or beginning so."""
        forms = {form for form, _, _ in _nearest(said.form, self._forms)}
        heard = {form for key, _, _ in _nearest(sound(said.form), self._sounds) for form in self._heard[key]}
        named = {name for form in forms | heard for name in self._named[form]}
        return named | set(itertools.islice(self._begun_by(said.form), LOOKED_AT))

    def _begun_by(self, form: str) -> Iterator[str]:
        """Names that have `form` as their first words."""
        following = itertools.islice(self._forms, bisect.bisect_left(self._forms, form), None)
        same = itertools.takewhile(lambda each: each.startswith(form), following)
        yield from (name for each in same for name in self._named[each] if spoken_form(name).begins(form))

    def _likeness(self, said: Spoken, name: str) -> float:
        live = spoken_form(name)
        letters = fuzz.ratio(said.form, live.form) / 100
        likeness = (letters + fuzz.ratio(sound(said.form), sound(live.form)) / 100) / 2
        begun = max(likeness, FIRST_WORDS_SCORE) if live.begins(said.form) else likeness
        # Another number is worth asking about, never worth taking.
        return begun if said.digits == live.digits else min(begun, THRESHOLD - MARGIN)


def _with_plain_numbers(name: str) -> str:
    """Its form, numbers without the zeros before them."""
    return re.sub(r"(?<!\d)0+(?=\d)", "", spoken_form(name).form)


def _without_zeros(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Those that have zeros before their numbers, by their forms without."""
    for name in names:
        plain = _with_plain_numbers(name)
        if plain != spoken_form(name).form:
            yield plain, name


def _without_symbols(spoken: str) -> str:
    """Its form without the words for what stands between the parts of a name."""
    return spoken_form(" ".join(word for word in spoken.split() if word not in SYMBOLS)).form


def _without_services(named: Iterable[LiveObject]) -> list[LiveObject]:
    """What is spoken of by a name is the workload; the service in front of it bears the same one."""
    homes = {each.namespace for each in named if each.kind != "service"}
    return [each for each in named if each.kind != "service" or each.namespace not in homes]


def _nearest(form: str, forms: list[str]) -> list[tuple[str, float, int]]:
    return process.extract(form, forms, scorer=fuzz.ratio, limit=LOOKED_AT, score_cutoff=40)


def _grouped(pairs: Iterable[tuple[str, Value]]) -> dict[str, tuple[Value, ...]]:
    found: dict[str, list[Value]] = defaultdict(list)
    for key, value in pairs:
        found[key].append(value)
    return {key: tuple(values) for key, values in found.items()}


def _best_first(scored: tuple[float, str]) -> tuple[float, str]:
    return -scored[0], scored[1]
