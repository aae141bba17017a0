"""Sentences of the command language, as written by the model and as spoken by a synthesiser."""

import random
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

HERE = Path(__file__).parent
Names = Literal["seen", "unseen"]


@dataclass(frozen=True, slots=True)
class Phrase:
    """written: lower-case words without punctuation; spoken: what a synthesiser is given."""

    written: str
    spoken: str


@lru_cache
def language() -> dict[str, list[str]]:
    """The lists of phrases.toml: templates, and what fills their slots."""
    return {name: value for name, value in _document().items() if isinstance(value, list)}


@lru_cache
def spellings() -> dict[str, list[str]]:
    """How a synthesiser is told to say a word whose letters mislead it."""
    spoken = _document()["spoken"]
    return spoken if isinstance(spoken, dict) else {}


@lru_cache
def _document() -> dict[str, list[str] | dict[str, list[str]]]:
    return tomllib.loads((HERE / "phrases.toml").read_text())


@lru_cache
def words() -> list[str]:
    return (HERE / "words.txt").read_text().split()


def training_phrase(chance: random.Random) -> Phrase:
    """Nearly half of the phrases are no commands, so that the model learns to hear and not to guess."""
    kind = chance.random()
    if kind < 0.52:
        return phrase(command(chance, _training_name, needs_name=chance.random() < 0.55), chance)
    if kind < 0.57:
        return phrase(_numbers(chance), chance)
    if kind < 0.62:
        return phrase(_shuffled(command(chance, _training_name), chance), chance)
    if kind < 0.64:
        return phrase(" ".join(_pseudo_word(chance) for _ in range(chance.randint(1, 3))), chance)
    return phrase(_word_mix(chance), chance)


def command_phrase(chance: random.Random, names: Names) -> Phrase:
    """A command as an operator says it; with `unseen`, each name is one that no training text holds."""
    return phrase(command(chance, _known_name if names == "seen" else _unseen_name), chance)


def phrase(written: str, chance: random.Random) -> Phrase:
    said = (chance.choice(spellings()[word]) if word in spellings() else word for word in written.split())
    return Phrase(written, " ".join(said))


def command(chance: random.Random, name: Callable[[random.Random], str], needs_name: bool = False) -> str:
    templates = language()["commands"]
    template = chance.choice([one for one in templates if "{name}" in one] if needs_name else templates)
    return fill(template, chance, name)


def fill(template: str, chance: random.Random, name: Callable[[random.Random], str]) -> str:
    """Choose alternatives and options innermost first, then fill the slots."""
    while found := re.search(r"\(([^()\[\]]*)\)|\[([^()\[\]]*)\]", template):
        options = (found[1] or found[2]).split("|")
        chosen = "" if found[2] and chance.random() < 0.5 else chance.choice(options)
        template = template[: found.start()] + chosen + template[found.end() :]
    fillers: dict[str, Callable[[], str]] = {
        "name": lambda: name(chance),
        "place": lambda: _place(chance, name),
        "namespace": lambda: _namespace(chance, name),
        "node": lambda: chance.choice(language()["nodes"]),
        "kinds": lambda: chance.choice(language()["kinds"]),
        "kind": lambda: chance.choice(language()["kind"]),
        "number": lambda: number_words(_number(chance)),
        "code": lambda: number_words(chance.randint(10, 99)),
        "version": lambda: _version(chance),
    }
    filled = re.sub(r"{(\w+)}", lambda slot: fillers[slot[1]](), template)
    return " ".join(filled.replace("'", "").split())


def number_words(number: int) -> str:
    """Words of 0 to 999: "forty two", "two hundred and fifty"."""
    if number >= 100:
        rest = number % 100
        return f"{language()['units'][number // 100]} hundred" + (
            f" and {number_words(rest)}" if rest else ""
        )
    if number < 20:
        return language()["units"][number]
    return language()["tens"][number // 10] + (f" {language()['units'][number % 10]}" if number % 10 else "")


def _number(chance: random.Random) -> int:
    kind = chance.random()
    if kind < 0.5:
        return chance.randint(0, 12)
    return chance.randint(0, 100) if kind < 0.93 else chance.randint(1, 9) * chance.choice((100, 50))


def _version(chance: random.Random) -> str:
    return " point ".join(number_words(chance.randint(0, 30)) for _ in range(chance.randint(1, 3)))


def _place(chance: random.Random, name: Callable[[random.Random], str]) -> str:
    namespace = _namespace(chance, name)
    return chance.choice((namespace, namespace, f"the {namespace} namespace", f"namespace {namespace}"))


def _namespace(chance: random.Random, name: Callable[[random.Random], str]) -> str:
    return chance.choice(language()["namespaces"]) if chance.random() < 0.85 else name(chance)


def _known_name(chance: random.Random) -> str:
    return chance.choice(language()["names"])


def _unseen_name(chance: random.Random) -> str:
    return " ".join(chance.sample(language()["unseen_names"], chance.choice((1, 1, 2))))


def _training_name(chance: random.Random) -> str:
    if chance.random() < 0.25:
        return _known_name(chance)
    parts = [_any_word(chance) for _ in range(chance.choice((1, 1, 1, 2, 2, 3)))]
    return " ".join(parts)


def _any_word(chance: random.Random) -> str:
    """Mostly of words.txt, in which the nearer to the beginning a word is, the likelier it is drawn."""
    kind = chance.random()
    if kind < 0.88:
        return words()[int(len(words()) * chance.random() ** 1.6)]
    return _pseudo_word(chance) if kind < 0.92 else chance.choice(_known_name(chance).split())


def _word_mix(chance: random.Random) -> str:
    return " ".join(_any_word(chance) for _ in range(chance.choice((1, 2, 2, 3, 3, 4, 5, 6, 7))))


def _numbers(chance: random.Random) -> str:
    parts = [number_words(_number(chance)) for _ in range(chance.randint(1, 3))]
    if chance.random() < 0.5:
        parts.insert(chance.randint(0, len(parts)), _any_word(chance))
    return " ".join(parts)


def _shuffled(text: str, chance: random.Random) -> str:
    parts = text.split()
    chance.shuffle(parts)
    return " ".join(parts)


def _pseudo_word(chance: random.Random) -> str:
    """Regular enough that the spelling follows from the sound, most times."""
    onsets, rhymes = language()["onsets"], language()["rhymes"]
    return "".join(chance.choice(onsets) + chance.choice(rhymes) for _ in range(chance.choice((1, 2, 2))))
