"""Properties of the words that reach the grammar."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from voice_api.commands.normalise import LIMIT_CHARACTERS, digits, normalise

ANY_TEXT = st.text(max_size=2_000) | st.text(
    "abcdenorty 0123'-.,?\u2019\u00e9\u0301\ufdfa\x00\x1b\u202e", max_size=800
)


@given(ANY_TEXT)
@example("could uh you please um tell me then now thanks")
@example("\ufdfa" * LIMIT_CHARACTERS)
@example("what's " * 100)
@example("whatsapp " * 55 + "whats")
def test_normalising_twice_changes_nothing_more(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once


@given(ANY_TEXT)
def test_only_plain_words_with_single_spaces_remain(text: str) -> None:
    assert re.fullmatch(r"([a-z0-9]+( [a-z0-9]+)*)?", normalise(text))


@given(st.text(max_size=5_000))
@example("a" * 65_536)
@example("\x00" * 65_536)
@example("\U0001f4a9 " * 30_000)
def test_the_words_are_bounded(text: str) -> None:
    assert len(normalise(text)) <= LIMIT_CHARACTERS


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("How many pods?", "how many pods"),
        ("What's deployed, please?", "what is deployed"),
        ("Which pods aren\u2019t ready?", "which pods are not ready"),
        ("uh could you um tell me how many pods", "how many pods"),
        ("Hey, okay, so list kube-system now, thanks.", "list kube system"),
        ("the pod's name", "the pods name"),
        ("caf\u00e9 \u2460", "cafe 1"),
        ("how many pods in pr\u043eduction", ""),
        ("a\x00b\x1b[31mc\u202ed", "a b 31mc d"),
        ("thanks", ""),
    ],
)
def test_what_means_nothing_is_dropped_and_the_rest_is_plain(said: str, words: str) -> None:
    assert normalise(said) == words


@pytest.mark.parametrize(
    ("words", "written"),
    [
        ("edge one", "edge 1"),
        ("ingest zero one", "ingest 0 1"),
        ("ingest oh two", "ingest 0 2"),
        ("node twenty one", "node 21"),
        ("twenty ten", "20 10"),
        ("nineteen forty", "19 40"),
        ("forty two one", "42 1"),
        ("phone someone", "phone someone"),
    ],
)
def test_number_words_become_digits(words: str, written: str) -> None:
    assert digits(words) == written


SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
)
TENS = "twenty thirty forty fifty sixty seventy eighty ninety"


def spelled(value: int) -> str:
    ten, unit = divmod(value, 10)
    if value < 20:
        return SMALL.split()[value]
    return f"{TENS.split()[ten - 2]} {SMALL.split()[unit] if unit else ''}".strip()


@pytest.mark.parametrize("value", range(100))
def test_every_number_below_a_hundred_is_written_as_itself(value: int) -> None:
    assert digits(spelled(value)) == str(value)
