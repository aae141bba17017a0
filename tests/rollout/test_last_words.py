"""What a rollout tells of a program that ended: its message, with the fix where a fix belongs."""

import pytest

from kvx.cluster.last_words import LastWords, last_words


def test_the_fix_below_a_message_is_no_reason() -> None:
    lines = ["starting", "voice-api: there is no setting colour", "fix: leave it out"]
    assert last_words(lines) == LastWords("voice-api: there is no setting colour", "leave it out")


@pytest.mark.parametrize("lines", [["fix: it"], ["Traceback", "ValueError: fix: it"], ["one", "two"]])
def test_what_is_no_fix_below_a_message_is_quoted_as_it_stands(lines: list[str]) -> None:
    assert last_words(lines) == LastWords(lines[-1])


def test_who_said_nothing_is_quoted_with_nothing() -> None:
    assert last_words([]) == LastWords()
