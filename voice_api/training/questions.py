"""Questions about names that the product's grammar knows, and which texts are commands of phrases.toml."""

import random
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

from phrases import Phrase, fill, language, phrase

from voice_api.cluster.protocol import (
    ClusterDescription,
    Deployment,
    ListsOnly,
    Named,
    Namespace,
    Node,
    Pod,
    named_by_lists,
)
from voice_api.commands.spoken_names import exactly

QUESTIONS = (
    "how many (pods|deployments) are in [the] {name} [namespace]",
    "how many pods are there in {name}",
    "how many pods does {name} have",
    "count the pods in {name}",
    "which pods are not ready in [the] {name} [namespace]",
    "which pods are (failing|crashing|pending) in {name}",
    "are all pods ready in {name}",
    "list the deployments in [the] {name} [namespace]",
    "what deployments are there in {name}",
    "what is wrong in {name}",
)
NAMES = ("{name}", "{namespace}", "{node}")
ANY_NAME = "((?:<(?!(?:in|of|for|from|to|the|and|namespace)>)[^<>]+>){1,4})"
NUMBER_WORDS = ("hundred", "and", "point")
MARKS = {"[": "(?:", "(": "(?:", "]": ")?", ")": ")", "|": "|"}


def question(chance: random.Random) -> Phrase:
    """A question that the grammar knows, about a namespace of words that no training text holds."""
    words = language()["unseen_names"]
    text = fill(
        chance.choice(QUESTIONS), chance, lambda each: " ".join(each.sample(words, each.choice((1, 1, 2))))
    )
    return phrase(text, chance)


@dataclass(frozen=True, slots=True)
class NamedCluster:
    """A cluster of empty namespaces."""

    names: tuple[str, ...]
    contexts: tuple[str, ...] = ()
    explorer: ClassVar[ListsOnly] = ListsOnly()

    def named(self) -> tuple[Named, ...]:
        return tuple(named_by_lists(self))

    @property
    def description(self) -> ClusterDescription:
        return ClusterDescription("examination", demo=False)

    def namespaces(self) -> tuple[Namespace, ...]:
        return tuple(map(Namespace, self.names))

    def nodes(self) -> tuple[Node, ...]:
        return ()

    def pods(self, _: str | None) -> tuple[Pod, ...]:
        return ()

    def deployments(self, _: str | None) -> tuple[Deployment, ...]:
        return ()


@dataclass(frozen=True, slots=True)
class EveryCommand:
    """As if the product knew every command of phrases.toml, of live names."""

    live: tuple[str, ...]

    def settled(self, text: str) -> bool:
        said = "".join(f"<{word}>" for word in text.split())
        matches = (pattern.fullmatch(said) for pattern in _patterns())
        return any(match and all(map(self._known, match.groups())) for match in matches)

    def better(self, text: str, than: str) -> bool:
        return self.settled(text) and not self.settled(than)

    def _known(self, words: str | None) -> bool:
        said = re.sub("[<>]+", " ", words or "")
        return words is None or sum(exactly(said, each) for each in self.live) == 1


@lru_cache
def _patterns() -> list[re.Pattern[str]]:
    return [re.compile(_pattern(template)) for template in language()["commands"]]


def _pattern(template: str) -> str:
    """A template as an expression over words in angle brackets, with a group for each name."""
    place = "({namespace}|the {namespace} namespace|namespace {namespace})"
    marked = re.sub(r"[\[\]()|]|{\w+}|[^\s\[\]()|{}]+", _piece, template.replace("{place}", place))
    return marked.replace(" ", "")


def _piece(found: re.Match[str]) -> str:
    """What one piece of a template stands for in an expression."""
    match found[0]:
        case mark if mark in MARKS:
            return MARKS[mark]
        case slot if slot in NAMES:
            return ANY_NAME
        case "{kind}" | "{kinds}" as slot:
            return _one_of(language()[slot.strip("{}")])
        case slot if slot.startswith("{"):
            return _one_of([*language()["units"], *language()["tens"], *NUMBER_WORDS]) + "+"
        case word:
            return f"<{re.escape(word.replace(chr(39), ''))}>"


def _one_of(texts: list[str]) -> str:
    return "(?:" + "|".join("".join(f"<{word}>" for word in text.split()) for text in texts) + ")"
