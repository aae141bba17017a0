"""Checks a grammar against the functions: unknown names, missing arguments, sentences with two meanings."""

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from itertools import islice

import hassil
from hassil.errors import HassilError
from hassil.sample import sample_sentence

from voice_api.commands.functions import FUNCTIONS, Function
from voice_api.commands.grammar import Grammar, load_grammar
from voice_api.commands.normalise import normalise
from voice_api.errors import VoiceApiError

# A template stands for thousands of sentences: as many are made, and evenly as many of them are tried.
SENTENCES_MADE = 20_000
SENTENCES_TRIED = 60
ANY_NAME = hassil.TextSlotList.from_strings(["some name"])


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
    grammar: Grammar | None = None, functions: Mapping[str, Function] = FUNCTIONS
) -> tuple[Problem, ...]:
    """Every problem of the grammar; empty when there is none. Takes about a second."""
    checked = grammar or load_grammar()
    named = tuple(_unknown(checked, functions))
    return named or tuple(_sentences_checked(checked))


def refuse_unknown(grammar: Grammar, functions: Mapping[str, Function]) -> None:
    """VoiceApiError if an intent or slot of the grammar has no function or argument to go to."""
    problems = [problem.text for problem in _unknown(grammar, functions)]
    if problems:
        raise VoiceApiError(
            "grammar_invalid",
            f"The grammar does not fit the functions: {'; '.join(problems)}",
            "Correct the grammar, then run: voice-api grammar-check",
            status=500,
        )


def _unknown(grammar: Grammar, functions: Mapping[str, Function]) -> Iterator[Problem]:
    for name in functions.keys() - grammar.intents.intents.keys():
        yield Problem("unsayable_function", f"no sentence leads to {name}")
    for name, intent in grammar.intents.intents.items():
        if name not in functions:
            yield Problem("unknown_intent", f"there is no function {name}")
            continue
        for block in intent.data:
            for sentence in block.sentences:
                yield from _slots_checked(grammar, functions[name], sentence, block.slots.keys())


def _slots_checked(
    grammar: Grammar, function: Function, sentence: hassil.Sentence, fixed: Set[str]
) -> Iterator[Problem]:
    template = sentence.text
    known = {argument.name for argument in function.arguments}
    required = {argument.name for argument in function.arguments if argument.required}
    slots = fixed | set(sentence.list_names(grammar.intents.expansion_rules))
    for slot in slots - known:
        yield Problem("unknown_slot", f"{template!r}: {function.name} has no argument {slot}")
    for argument in required - slots:
        yield Problem("missing_argument", f"{template!r}: {function.name} needs {argument}")
    try:
        next(_made(grammar, sentence), None)
    except HassilError as error:
        yield Problem("broken_template", f"{template!r}: {error}")


def _sentences_checked(grammar: Grammar) -> Iterator[Problem]:
    for name, intent in grammar.intents.intents.items():
        for sentence in (each for block in intent.data for each in block.sentences):
            made = tuple(islice(_made(grammar, sentence), SENTENCES_MADE))
            for spoken in made[:: max(1, len(made) // SENTENCES_TRIED)]:
                yield from _sentence_checked(grammar, name, sentence.text, " ".join(spoken.split()))


def _made(grammar: Grammar, sentence: hassil.Sentence) -> Iterator[str]:
    """Sentences of one template, with a name in each slot whose names are only known at run time."""
    lists = {
        name: ANY_NAME if isinstance(each, hassil.TextSlotList) and not each.values else each
        for name, each in grammar.intents.slot_lists.items()
    }
    return iter(sample_sentence(sentence, lists, grammar.intents.expansion_rules, grammar.language))


def _sentence_checked(grammar: Grammar, intent: str, template: str | None, spoken: str) -> Iterator[Problem]:
    if normalise(spoken) != spoken:
        yield Problem("unheard_words", f"{template!r}: {spoken!r} becomes {normalise(spoken)!r}")
        return
    readings = grammar.readings(spoken)
    if [reading.intent for reading in readings] != [intent]:
        meanings = ", ".join(f"{each.intent} {dict(each.slots)}" for each in readings) or "nothing"
        yield Problem("clash", f"{template!r}: {spoken!r} means {meanings}")
