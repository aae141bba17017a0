"""A misspelt word becomes another only when no other is as near."""

import pytest

from voice_api.commands.spelling import Spelling, spelling_of

SPELLING = Spelling(
    frozenset({"how", "many", "are", "there", "where", "which", "list", "everything", "not", "in"}),
    never=frozenset({"not", "drop"}),
)


@pytest.mark.parametrize(
    ("said", "corrected"),
    [
        ("hwo manny ar thre", "how many are there"),
        ("lst evrythign", "list everything"),
        ("here", "here"),  # as near to "there" as to "where"
        ("nut", "nut"),  # "not" is never put in anybody's mouth
        ("drop", "drop"),
        ("list", "list"),
        ("i", "i"),
        ("weather forecast", "weather forecast"),
        ("", ""),
    ],
)
def test_only_what_is_surely_meant_is_put_right(said: str, corrected: str) -> None:
    assert SPELLING.corrected(said) == corrected


def test_the_words_are_those_of_the_sentences_without_rules_slots_and_lists() -> None:
    spelling = spelling_of(
        {
            "intents": {"count": {"data": [{"sentences": ["how many {kind} [<where>] (today|now)"]}]}},
            "expansion_rules": {"where": "inside {namespace}"},
            "lists": {"kind": {"values": [{"in": "(pods|today)", "out": "pods"}]}},
        },
        never=("now",),
    )
    assert spelling.targets == ("how", "inside", "many")
    assert spelling.words == {"how", "many", "inside", "today", "now", "pods"}
