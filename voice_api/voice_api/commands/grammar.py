"""Reads a normalised sentence with hassil templates: which intent, and what was said in its slots."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import hassil
import yaml
from hassil.models import UnmatchedTextEntity
from hassil.parser import ParseError

from voice_api.commands.reading.graph import Place, graph_of, words_in
from voice_api.commands.reading.nearness import Heard, Nearness, Way
from voice_api.commands.reading.paths import Path as Sentence
from voice_api.commands.reading.paths import Walk, counted, spare
from voice_api.commands.reading.settled import SETTLED
from voice_api.commands.spelling import spelling_of
from voice_api.errors import VoiceApiError

# What hassil raises for templates and lists of the wrong shape: it does not check them.
BROKEN_TEMPLATES = (ParseError, ValueError, LookupError, TypeError, AttributeError, AssertionError)
# Longer sentences are read as they are, or not at all.
MOST_WORDS = 30
ENGLISH = Path(__file__).with_suffix("") / "en.yaml"
OPERATIONS = tuple(
    ENGLISH.parent / "operations" / f"{name}.yaml" for name in ("looking", "changing", "talking")
)


@dataclass(frozen=True, slots=True)
class Reading:
    """One meaning of a sentence.

    slots    what the templates know, by slot name
    unheard  the words that stood in a slot and are in no list; the resolver repairs them
    cost     how much of a guess it is: 0 where every other word is one of the grammar's own
    """

    intent: str
    slots: Mapping[str, str]
    unheard: Mapping[str, str]
    cost: float = 0.0

    @property
    def unheard_length(self) -> int:
        return sum(len(words) for words in self.unheard.values())


class Grammar:
    """Compiled templates. Safe to use from several threads."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.language: str = document["language"]
        self.examples: tuple[str, ...] = tuple(document.get("examples", ()))
        self.change_verbs = _listed(document, "change_verbs")
        self.intents = hassil.Intents.from_dict({**document, "lists": _lists(document.get("lists", {}))})
        never = {*self.change_verbs, *document.get("never_corrected", ())}
        self._spelling = spelling_of(document, never)
        exactly, by_sound, surely = (
            _listed(document, f"heard_{how}") for how in ("exactly", "by_sound", "surely")
        )
        self._heard = Heard(exactly, by_sound, self.change_verbs | surely, SETTLED | self.change_verbs)
        self._names = {
            name
            for name, each in self.intents.slot_lists.items()
            if isinstance(each, hassil.TextSlotList) and not each.values
        }
        rules = document.get("expansion_rules", {})
        # Templates are parsed on first use: that shall not be the first command.
        self._words = {
            name: frozenset(
                word
                for block in intent.data
                for each in block.sentences
                for word in _literal_words(each.text or "", rules)
            )
            for name, intent in self.intents.intents.items()
        }

    def readings(self, words: str) -> tuple[Reading, ...]:
        """The best readings of `words`: none, one, or several different ones that are equally good.

        Best is what leaves the fewest slots to repair, and of those what leaves the fewest letters. Words
        outside of names are read with their spelling corrected if they mean nothing otherwise.
        """
        readings = self._exact_readings(words)
        if self._usable(readings):
            return readings
        corrected = self._spelling.corrected(words)
        if corrected == words:
            return readings
        others = self._exact_readings(corrected)
        return tuple(_as_said(each, corrected.split(), words.split()) for each in others) or readings

    def every_reading(self, words: str) -> tuple[Reading, ...]:
        """All readings that leave only names and numbers to be read, those with the fewest letters first."""
        heard, places = counted(words)
        paths = Walk([[Way(word, 0.0, 1)] for word in heard]).paths(self.graph)
        read = [_read(path, words.split(), places) for path in paths]
        return tuple(sorted(read, key=lambda reading: reading.unheard_length))

    def near_readings(self, words: str, most: float) -> tuple[Reading, ...]:
        """Readings of what may have been said where `words` were heard, those that guess least first."""
        heard, places = counted(words)
        if len(heard) > MOST_WORDS:
            return ()
        ways = self._nearness.ways(heard)
        paths = Walk(ways, spare(heard, self._nearness), most).paths(self.graph)
        read = [_read(path, words.split(), places) for path in paths]
        return tuple(sorted(read, key=lambda reading: (reading.cost, reading.unheard_length)))

    def prepare(self) -> None:
        """Make ready what is read with, so that the first who says something does not wait."""
        self.near_readings("", 0.0)

    @cached_property
    def graph(self) -> Place:
        """The sentences as they are read."""
        return graph_of(self.intents)

    @cached_property
    def _nearness(self) -> Nearness:
        return Nearness(words_in(self.graph), self._heard)

    def _exact_readings(self, words: str) -> tuple[Reading, ...]:
        matches = hassil.recognize_all(words, self.intents, allow_unmatched_entities=True)
        found = [_reading(match) for match in matches]
        best = min(map(_repairs, found), default=None)
        equally_good: list[Reading] = []
        for reading in found:
            if _repairs(reading) == best and reading not in equally_good:
                equally_good.append(reading)
        return tuple(equally_good)

    def _usable(self, readings: tuple[Reading, ...]) -> bool:
        """Whether nothing but names is left to repair."""
        return bool(readings) and all(reading.unheard.keys() <= self._names for reading in readings)

    def words_of(self, intent: str) -> frozenset[str]:
        """The words of its templates, without what stands in slots."""
        return self._words.get(intent, frozenset())

    def wished_by(self, words: str, intent: str) -> bool:
        """Whether every verb in `words` that asks for a change is one by which `intent` is asked for."""
        verbs = self.change_verbs & set(words.split())
        return bool(verbs) and verbs <= self.words_of(intent)

    def wishes_change(self, words: str) -> str | None:
        """The first verb in `words` that asks for a change, or None."""
        return next((word for word in words.split() if word in self.change_verbs), None)


def load_grammar(paths: Iterable[Path] = (ENGLISH,)) -> Grammar:
    """The grammar of these files, later ones adding to earlier ones; VoiceApiError for a broken one."""
    document: dict[str, Any] = {}
    for path in paths:
        try:
            hassil.merge_dict(document, _mapping(yaml.safe_load(path.read_text(encoding="utf-8"))))
            grammar = Grammar(document)
        except (OSError, yaml.YAMLError, *BROKEN_TEMPLATES) as error:
            raise VoiceApiError(
                "grammar_invalid",
                f"The grammar file {path} cannot be used: {error}",
                "Correct the file, then run: voice-api grammar-check",
                status=500,
            ) from error
    return grammar


def _literal_words(template: str, rules: Mapping[str, Any], within: tuple[str, ...] = ()) -> set[str]:
    """What of a template is said as it stands, its rules written out; no slots."""
    plain = re.sub(r"\{[^}]*\}", " ", template)
    words = set(re.findall(r"[a-z0-9]+", re.sub(r"<[^>]*>", " ", plain)))
    for name in (each for each in re.findall(r"<([^>]*)>", plain) if each in rules):
        if name in within:
            raise ParseError(f"the rule <{name}> leads back to itself")
        words |= _literal_words(str(rules[name]), rules, (*within, name))
    return words


def _listed(document: Mapping[str, Any], name: str) -> frozenset[str]:
    words = document.get(name, ())
    if wrong := [word for word in words if not isinstance(word, str)]:
        raise TypeError(f"{name}: {wrong[0]} is no word for YAML: put it in quotation marks")
    return frozenset(words)


def _lists(lists: Mapping[str, Any]) -> dict[str, Any]:
    """A list that one file leaves empty may be a wildcard in another: hassil would take the values."""
    return {
        name: {"wildcard": True} if isinstance(each, Mapping) and each.get("wildcard") else each
        for name, each in lists.items()
    }


def _read(path: Sentence, said: list[str], places: list[int]) -> Reading:
    """With the words of each slot as they were said, those between them that do not count included."""
    unheard = {slot: " ".join(said[places[start] : places[end - 1] + 1]) for slot, start, end in path.spans}
    return Reading(path.intent, dict(path.values), unheard, path.cost)


def _as_said(reading: Reading, corrected: list[str], said: list[str]) -> Reading:
    """The reading with its names as they were said: only what is around them was to be corrected."""
    unheard = {slot: _words_said(words.split(), corrected, said) for slot, words in reading.unheard.items()}
    return replace(reading, unheard=unheard)


def _words_said(words: list[str], corrected: list[str], said: list[str]) -> str:
    place = next(at for at in range(len(corrected)) if corrected[at : at + len(words)] == words)
    return " ".join(said[place : place + len(words)])


def _mapping(content: object) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise TypeError("it holds no mapping")
    return content


def _repairs(reading: Reading) -> tuple[int, int]:
    return len(reading.unheard), reading.unheard_length


def _reading(match: hassil.RecognizeResult) -> Reading:
    return Reading(
        intent=match.intent.name,
        slots={name: str(each.value) for name, each in match.entities.items() if not each.is_wildcard},
        unheard={
            **{name: each.text.strip() for name, each in match.entities.items() if each.is_wildcard},
            **{
                name: each.text.strip()
                for name, each in match.unmatched_entities.items()
                if isinstance(each, UnmatchedTextEntity)
            },
        },
    )
