"""Which functions a language model is offered for a sentence: questions, or changes; never what destroys."""

from collections.abc import Iterator, Mapping, Set
from typing import Any, Literal, TypeAlias

from voice_api.commands.grammar import Grammar
from voice_api.commands.language.clauses import correction, guarded
from voice_api.commands.language.understand import MACHINE
from voice_api.commands.level import Level
from voice_api.commands.registry.declaring import Arguments, Function, Registry
from voice_api.commands.registry.schema import lint, tool
from voice_api.commands.registry.talking import TALKING

# More than these, and a small model on two cores reads longer than anybody waits.
MOST_OFFERED = 18
ASKING = frozenset({"what", "whats", "why", "how", "when", "where", "which", "who", "whose", "is", "are",
                    "was", "were", "did", "does", "do", "has", "have", "should", "may", "show",
                    "list"})  # fmt: skip

Missing: TypeAlias = Literal["name", "number", "version", "namespace", "wish"]
Misfit: TypeAlias = Literal["not_about_the_cluster", "nothing_fits", "several_wishes"]

WAYS_OUT = Registry()


@WAYS_OUT.function(Level.READ_ONLY, "{outcome}")
class AskBack(Arguments):
    """Ask the speaker for something that the sentence leaves open."""

    about: Missing


@WAYS_OUT.function(Level.READ_ONLY, "{outcome}")
class Decline(Arguments):
    """Call this where no other function does what the sentence asks for."""

    reason: Misfit


def offered(
    functions: Mapping[str, Function], grammar: Grammar, text: str, roles: Set[str], *, changes: bool
) -> dict[str, Function]:
    """By name and in an order of their own, so that equal offers are equal to the letter.

    text     normalised, but for what no speaker says
    changes  whether anything can be changed in this conversation at all
    """
    wishes = changes_of(functions, roles) if changes and may_change(grammar, text) else {}
    wished = any(grammar.wished_by(text, name) for name in wishes)
    fitting = wishes if wished else questions_of(functions, roles)
    if len(fitting) <= MOST_OFFERED:
        return fitting
    words = set(text.split())
    nearest = sorted(fitting.values(), key=lambda each: -len(words & _words_of(each)))[:MOST_OFFERED]
    return {name: each for name, each in fitting.items() if each in nearest}


def may_change(grammar: Grammar, words: str) -> bool:
    """Whether words that no template fits may be a wish for one change, plainly said."""
    said = words.split()
    twisted = guarded(words) or correction(words) is not None or bool(MACHINE & set(words))
    return bool(said) and not twisted and said[0] not in ASKING and grammar.wishes_change(words) is not None


def sayable(functions: Mapping[str, Function]) -> dict[str, Function]:
    """Those that every server understands: what a package brings may be said to people alone."""
    return {name: each for name, each in functions.items() if not lint(tool(each))}


def tools(functions: Mapping[str, Function]) -> tuple[Mapping[str, Any], ...]:
    """The functions as a server wants them, and two ways out, since a model has to call something."""
    return tuple(map(tool, (*functions.values(), *WAYS_OUT.functions.values())))


def questions_of(functions: Mapping[str, Function], roles: Set[str]) -> dict[str, Function]:
    """What somebody with these roles may ask of the cluster, and nothing about the conversation itself."""
    asking = {name: each for name, each in functions.items() if name not in TALKING.functions}
    return {
        name: each for name, each in asking.items() if each.level is Level.READ_ONLY and each.roles & roles
    }


def changes_of(functions: Mapping[str, Function], roles: Set[str]) -> dict[str, Function]:
    """What somebody with these roles may change without destroying anything."""
    return {
        name: each
        for name, each in functions.items()
        if each.level is Level.WRITE_SAFE and each.roles & roles
    }


def _words_of(function: Function) -> Set[str]:
    return frozenset(_words(f"{function.name} {function.purpose}"))


def _words(text: str) -> Iterator[str]:
    return (word.strip(".,;:") for word in text.lower().replace("_", " ").split())
