"""What a model is offered: few functions, always in the same words, and no server breaks on them."""

import json

import pytest

from voice_api.commands.language.check import interpreter
from voice_api.commands.level import Level
from voice_api.commands.registry.builtin import BUILT_IN
from voice_api.commands.registry.declaring import Arguments, Registry
from voice_api.commands.registry.schema import lint
from voice_api.commands.suggesting.offered import MOST_OFFERED, WAYS_OUT, may_change, offered, sayable, tools
from voice_api.commands.suggesting.suggester import SYSTEM

GRAMMAR = interpreter().grammar
EVERYBODY = frozenset({"viewer", "operator", "admin"})
QUESTION, CHANGE = "anything odd around here", "give cart a good restart"
MOST_TOKENS = 1_500
LETTERS_A_TOKEN = 4
"""Tools in JSON were measured elsewhere at 4.9 letters a token; this leaves room for other tokenizers."""


@pytest.mark.parametrize("words", [QUESTION, CHANGE])
def test_no_server_breaks_on_what_is_offered_and_it_is_short(words: str) -> None:
    told = tools(offered(BUILT_IN, GRAMMAR, words, EVERYBODY, changes=True))
    assert [finding for each in told for finding in lint(each)] == []
    assert len(told) <= MOST_OFFERED + len(WAYS_OUT.functions)
    assert len(json.dumps(told, separators=(",", ":"))) + len(SYSTEM) < MOST_TOKENS * LETTERS_A_TOKEN


def test_questions_and_changes_are_never_offered_together_nor_what_destroys() -> None:
    for words, level in ((QUESTION, Level.READ_ONLY), (CHANGE, Level.WRITE_SAFE)):
        offer = offered(BUILT_IN, GRAMMAR, words, EVERYBODY, changes=True)
        assert {each.level for each in offer.values()} == {level}


def test_the_same_is_offered_in_the_same_letters_whatever_the_sentence_and_whoever_speaks() -> None:
    one = tools(offered(BUILT_IN, GRAMMAR, QUESTION, frozenset({"viewer"}), changes=False))
    other = tools(offered(BUILT_IN, GRAMMAR, "is the thing all right then", EVERYBODY, changes=True))
    assert json.dumps(one) == json.dumps(other)


def test_what_somebody_may_not_call_is_not_offered() -> None:
    offer = offered(BUILT_IN, GRAMMAR, CHANGE, frozenset({"viewer"}), changes=True)
    assert {each.level for each in offer.values()} == {Level.READ_ONLY}


def test_a_verb_that_no_offered_change_is_asked_for_by_offers_questions() -> None:
    offer = offered(BUILT_IN, GRAMMAR, "system delete the deployment checkout", EVERYBODY, changes=True)
    assert {each.level for each in offer.values()} == {Level.READ_ONLY}
    assert GRAMMAR.wished_by("give cart a good restart", "restart")
    assert not GRAMMAR.wished_by("give cart a good restart", "scale")
    assert not GRAMMAR.wished_by("give cart a good kick", "restart")


@pytest.mark.parametrize(
    "words",
    [
        "do not give cart a restart",
        "give cart a restart if it is down",
        "give cart a restart no the other one",
        "why would anybody restart cart",
        "give cart a restart $",
        "give cart a good kick",
        "",
    ],
)
def test_only_one_plain_wish_may_be_a_change(words: str) -> None:
    assert may_change(GRAMMAR, CHANGE)
    assert not may_change(GRAMMAR, words)


def test_a_function_that_servers_break_on_is_not_offered() -> None:
    registry = Registry()

    @registry.function(Level.READ_ONLY, "{outcome}")
    class Odd(Arguments):
        """Look at several things."""

        names: tuple[str, ...]

    assert sayable(registry.functions) == {}
    assert sayable(BUILT_IN) == dict(BUILT_IN)


def test_of_too_many_functions_those_are_offered_that_the_words_are_nearest_to() -> None:
    registry = Registry()
    for number in range(MOST_OFFERED + 5):
        letters = "".join(chr(ord("a") + int(digit)) for digit in str(number))
        made = type(f"Look{letters.title()}", (Arguments,), {"__doc__": f"Tell about topic{letters}."})
        registry.function(Level.READ_ONLY, "{outcome}")(made)
    last = list(registry.functions.values())[-1]
    topic = last.purpose.removeprefix("Tell about ").removesuffix(".")
    offer = offered(registry.functions, GRAMMAR, f"some {topic} please", EVERYBODY, changes=False)
    assert len(offer) == MOST_OFFERED
    assert last.name in offer
