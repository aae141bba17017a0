"""Numbers and versions are read as they are said, and what could be two of them is neither."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_api.commands.language.quantities import quantity, version

SPELLED = ("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
           "sixteen seventeen eighteen nineteen")  # fmt: skip
SMALL = SPELLED.split()
TENS = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]


def spelled(value: int, joint: str) -> str:
    if value < 20:
        return SMALL[value]
    if value < 100:
        return f"{TENS[value // 10]} {SMALL[value % 10] if value % 10 else ''}".strip()
    for size, word in ((1000, "thousand"), (100, "hundred")):
        if value >= size:
            rest = f"{joint}{spelled(value % size, joint)}" if value % size else ""
            return f"{spelled(value // size, joint)} {word}{rest}"
    raise AssertionError(value)


@given(st.integers(0, 999_999), st.sampled_from([" ", " and "]))
def test_every_number_is_read_as_it_is_spelled(value: int, joint: str) -> None:
    assert quantity(spelled(value, joint)) == value
    assert quantity(str(value)) == value


@pytest.mark.parametrize(
    ("words", "value"),
    [("to", 2), ("too", 2), ("for", 4), ("ate", 8), ("won", 1), ("tree", 3), ("oh", 0), ("a dozen", 12),
     ("half a dozen", 6), ("a couple of", 2), ("twenty for", 24), ("one hundred and to", 102)],
)  # fmt: skip
def test_in_the_place_of_a_number_what_sounds_like_one_is_one(words: str, value: int) -> None:
    assert quantity(words) == value


@pytest.mark.parametrize(
    "words",
    ["", "two five", "to five", "five six", "twenty ten", "twenty fifteen", "one one", "many", "web",
     "minus one", "five replicas", "hundred", "hundred hundred", "five thousand thousand",
     "zero hundred", "two and three",
     "one hundred and", "12345678", "1 2", "five point five", "all", "ten hundred"],
)  # fmt: skip
def test_what_is_no_number_or_could_be_two_is_none(words: str) -> None:
    assert quantity(words) is None


@pytest.mark.parametrize(
    ("words", "value"),
    [("one point twenty five", "1.25"), ("1 25", "1.25"), ("v two dot oh", "v2.0"), ("v1 2 3", "v1.2.3"),
     ("three", "3"), ("two point zero point one", "2.0.1"), ("latest", "latest"), ("1 2 dash rc1", "1.2-rc1"),
     ("v1", "v1"), ("twenty one", "21")],
)  # fmt: skip
def test_a_version_is_read_as_it_is_said(words: str, value: str) -> None:
    assert version(words) == value


@pytest.mark.parametrize(
    "words", ["", "the new one", "point", "one point", "web", "one dash", "rm", "5 or 6"]
)
def test_what_is_no_version_is_none(words: str) -> None:
    assert version(words) is None


@given(st.text("abcdeno 0123456789", max_size=60))
def test_whatever_is_read_as_a_version_can_be_one(words: str) -> None:
    read = version(words)
    assert read is None or (read[0].isalnum() and " " not in read)
