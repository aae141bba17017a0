"""Checks the grammar of operations: clashes, unknown slots, missing arguments; and loads what passes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from voice_api.commands.check import Checked, Problem, grammar_check, refuse_unknown
from voice_api.commands.functions import Argument
from voice_api.commands.grammar import ENGLISH, OPERATIONS, Grammar, load_grammar
from voice_api.commands.language.proposals import ALIASES, proposals
from voice_api.commands.language.understand import Interpreter
from voice_api.commands.registry.builtin import BUILT_IN
from voice_api.commands.registry.declaring import Function
from voice_api.commands.registry.fields import kind_of

# Lists of the grammar that fill an argument of another name, and what is said for numbers and versions.
LISTS = {"listed": "kind", "measured": "kind"} | {slot: name for slot, (name, _) in ALIASES.items()}
SAMPLES = {"replicas": "three", "more": "three", "less": "three", "lines": "three", "revision": "three",
           "version": "one point two"}  # fmt: skip
SENTENCES_MADE, SENTENCES_TRIED = 400, 12


@dataclass(frozen=True, slots=True)
class Signature:
    """A function as the check looks at it."""

    name: str
    arguments: tuple[Argument, ...]


def signature(function: Function) -> Signature:
    fields = function.arguments.model_fields.items()
    arguments = (Argument(name, each.is_required(), kind_of(each).choices) for name, each in fields)
    return Signature(function.name, tuple(arguments))


def operations_check(
    files: Iterable[Path] = (), functions: Mapping[str, Function] = BUILT_IN
) -> tuple[Problem, ...]:
    """Every problem of the grammar of operations with these files added; empty where there is none."""
    grammar = load_grammar((ENGLISH, *OPERATIONS, *files))
    how = Checked(LISTS, SAMPLES, partial(_meant, grammar, functions), SENTENCES_MADE, SENTENCES_TRIED)
    return grammar_check(grammar, {name: signature(each) for name, each in functions.items()}, how)


def interpreter(files: Iterable[Path] = (), functions: Mapping[str, Function] = BUILT_IN) -> Interpreter:
    """What understands sentences, with these files added; VoiceApiError where one leads nowhere."""
    grammar = load_grammar((ENGLISH, *OPERATIONS, *files))
    refuse_unknown(
        grammar, {name: signature(each) for name, each in functions.items()}, Checked(LISTS, SAMPLES)
    )
    grammar.prepare()
    return Interpreter(grammar, functions)


def _meant(grammar: Grammar, functions: Mapping[str, Function], words: str) -> Sequence[str]:
    """The functions of those proposals that leave the fewest letters to names."""
    found = [each for each in proposals(grammar, functions, words) if not each.unread]
    best = [each for each in found if each.letters == found[0].letters]
    return list(dict.fromkeys(each.function.name for each in best))
