"""Checks a grammar against the functions: unknown names, missing arguments, sentences with two meanings."""

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol

import hassil
from hassil.errors import HassilError
from hassil.sample import sample_sentence

from voice_api.commands.functions import FUNCTIONS, Argument
from voice_api.commands.grammar import Grammar, load_grammar
from voice_api.commands.normalise import normalise
from voice_api.errors import VoiceApiError

# A template stands for thousands of sentences: as many are made, and evenly as many of them are tried.
SENTENCES_MADE = 20_000
SENTENCES_TRIED = 60
ANY_NAME = hassil.TextSlotList.from_strings(["some name"])


class Sayable(Protocol):
    """What a sentence leads to, as far as its name and its arguments go."""

    @property
    def name(self) -> str: ...

    @property
    def arguments(self) -> tuple[Argument, ...]: ...


@dataclass(frozen=True, slots=True)
class Checked:
    """How a grammar is checked.

    aliases  slots and lists that lead to an argument of another name
    samples  what is said in a wildcard where not any name will do
    meant    which functions a sentence means; as Grammar.readings says where it is None
    made     how many sentences of a template are made at most, and
    tried    how many of them are tried
    """

    aliases: Mapping[str, str] = field(default_factory=dict)
    samples: Mapping[str, str] = field(default_factory=dict)
    meant: Callable[[str], Sequence[str]] | None = None
    made: int = SENTENCES_MADE
    tried: int = SENTENCES_TRIED


PLAINLY = Checked()


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a grammar.

    kind  unknown_intent, unknown_slot, missing_argument, unsayable_function, broken_template,
          clash (a sentence has two meanings, or another than its template's) or
          unheard_words (normalising changes the sentence, so that it never matches)
    """

    kind: str
    text: str


def grammar_check(
    grammar: Grammar | None = None, functions: Mapping[str, Sayable] = FUNCTIONS, how: Checked = PLAINLY
) -> tuple[Problem, ...]:
    """Every problem of the grammar; empty when there is none. Takes about a second."""
    checked = grammar or load_grammar()
    named = tuple(_unknown(checked, functions, how))
    return named or tuple(_sentences_checked(checked, how))


def refuse_unknown(grammar: Grammar, functions: Mapping[str, Sayable], how: Checked = PLAINLY) -> None:
    """VoiceApiError if an intent or slot of the grammar has no function or argument to go to."""
    problems = [problem.text for problem in _unknown(grammar, functions, how)]
    if problems:
        raise VoiceApiError(
            "grammar_invalid",
            f"The grammar does not fit the functions: {'; '.join(problems)}",
            "Correct the grammar, then run: voice-api grammar-check",
            status=500,
        )


def _unknown(grammar: Grammar, functions: Mapping[str, Sayable], how: Checked) -> Iterator[Problem]:
    for name in functions.keys() - grammar.intents.intents.keys():
        yield Problem("unsayable_function", f"no sentence leads to {name}")
    for name, intent in grammar.intents.intents.items():
        if name not in functions:
            yield Problem("unknown_intent", f"there is no function {name}")
            continue
        for block in intent.data:
            for sentence in block.sentences:
                yield from _slots_checked(grammar, functions[name], sentence, block.slots.keys(), how)


def _slots_checked(
    grammar: Grammar, function: Sayable, sentence: hassil.Sentence, fixed: Set[str], how: Checked
) -> Iterator[Problem]:
    template = sentence.text
    known = {argument.name for argument in function.arguments}
    required = {argument.name for argument in function.arguments if argument.required}
    said = fixed | set(sentence.list_names(grammar.intents.expansion_rules))
    slots = {how.aliases.get(slot, slot) for slot in said}
    for slot in slots - known:
        yield Problem("unknown_slot", f"{template!r}: {function.name} has no argument {slot}")
    for argument in required - slots:
        yield Problem("missing_argument", f"{template!r}: {function.name} needs {argument}")
    try:
        next(_made(grammar, sentence, how), None)
    except HassilError as error:
        yield Problem("broken_template", f"{template!r}: {error}")


def _sentences_checked(grammar: Grammar, how: Checked) -> Iterator[Problem]:
    for name, intent in grammar.intents.intents.items():
        for sentence in (each for block in intent.data for each in block.sentences):
            made = tuple(islice(_made(grammar, sentence, how), how.made))
            for spoken in made[:: max(1, len(made) // how.tried)]:
                yield from _sentence_checked(grammar, name, sentence.text, " ".join(spoken.split()), how)


def _made(grammar: Grammar, sentence: hassil.Sentence, how: Checked) -> Iterator[str]:
    """Sentences of one template, with a name in each slot whose names are only known at run time."""
    lists = {name: _sampled(name, each, how) for name, each in grammar.intents.slot_lists.items()}
    return iter(sample_sentence(sentence, lists, grammar.intents.expansion_rules, grammar.language))


def _sampled(name: str, slot_list: hassil.intents.SlotList, how: Checked) -> hassil.intents.SlotList:
    if name in how.samples:
        return hassil.TextSlotList.from_strings([how.samples[name]])
    empty = isinstance(slot_list, hassil.TextSlotList) and not slot_list.values
    return ANY_NAME if empty or isinstance(slot_list, hassil.WildcardSlotList) else slot_list


def _sentence_checked(
    grammar: Grammar, intent: str, template: str | None, spoken: str, how: Checked
) -> Iterator[Problem]:
    if normalise(spoken) != spoken:
        yield Problem("unheard_words", f"{template!r}: {spoken!r} becomes {normalise(spoken)!r}")
        return
    if how.meant is not None:
        if (functions := list(how.meant(spoken))) != [intent]:
            yield Problem("clash", f"{template!r}: {spoken!r} means {', '.join(functions) or 'nothing'}")
        return
    readings = grammar.readings(spoken)
    if [reading.intent for reading in readings] != [intent]:
        meanings = ", ".join(f"{each.intent} {dict(each.slots)}" for each in readings) or "nothing"
        yield Problem("clash", f"{template!r}: {spoken!r} means {meanings}")
