"""Who is meant by what is said."""

import pytest

from voice_api.commands.wake import addressed


@pytest.mark.parametrize(
    "said",
    [
        "hey cluster how many pods are there",
        "Hey, Cluster: how many pods are there",
        "hay kluster how many pods are there",
    ],
)
def test_what_follows_the_phrase_is_meant_however_that_was_written_down(said: str) -> None:
    assert addressed(said, "hey cluster") == "how many pods are there"


@pytest.mark.parametrize(
    "said",
    [
        "how many pods are there",
        "cluster hey list the pods",
        "hey",
        "",
        "so hey cluster list",
        "hey blaster list",
    ],
)
def test_what_does_not_begin_with_it_is_not(said: str) -> None:
    assert addressed(said, "hey cluster") is None


def test_the_phrase_alone_calls_and_says_nothing() -> None:
    assert addressed("hey cluster", "hey cluster") == ""


def test_no_phrase_is_never_said() -> None:
    assert addressed("anything", " ") is None
