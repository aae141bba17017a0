"""Long sound: windows cover everything once, and timestamps say where the next one begins."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_api.speech.whisper.windows import Piece, cut_at_silences, pieces_of

FIRST, END_OF_TIME = 100, 400
STEP_SECONDS = 0.02


@st.composite
def sounds(draw: st.DrawFn) -> tuple[int, list[tuple[int, int]]]:
    """A length, and spans of speech in it that do not overlap."""
    length = draw(st.integers(0, 5_000))
    borders = sorted(draw(st.sets(st.integers(0, length), max_size=20)))
    return length, list(zip(borders[::2], borders[1::2], strict=False))


@given(sounds(), st.integers(2, 700))
def test_windows_cover_everything_exactly_once(
    sound: tuple[int, list[tuple[int, int]]], longest: int
) -> None:
    length, speech = sound
    windows = cut_at_silences(length, speech, longest)
    assert sum(end - start for start, end in windows) == length
    assert all(left[1] == right[0] for left, right in pairwise(windows))
    assert all(0 < end - start <= longest for start, end in windows)
    assert not windows or (windows[0][0], windows[-1][1]) == (0, length)


@given(sounds(), st.integers(2, 700))
def test_a_cut_lies_in_silence_where_there_is_one(
    sound: tuple[int, list[tuple[int, int]]], longest: int
) -> None:
    length, speech = sound
    for start, end in cut_at_silences(length, speech, longest)[:-1]:
        inside_speech = any(begin < end < finish for begin, finish in speech)
        silences = [(left[1], right[0]) for left, right in pairwise(speech)]
        second_half = (start + longest // 2 + 1, start + longest)
        reached = any(begin <= second_half[1] and finish >= second_half[0] for begin, finish in silences)
        assert not (inside_speech and reached)


def test_a_long_breath_is_where_it_is_cut() -> None:
    assert cut_at_silences(100, [(0, 40), (50, 100)], 60) == ((0, 45), (45, 100))
    assert cut_at_silences(100, [(0, 40), (90, 100)], 60) == ((0, 60), (60, 100))


@given(
    st.lists(st.integers(0, END_OF_TIME), max_size=60),
    st.floats(0.1, 6.0),
)
def test_every_window_moves_on_and_pieces_lie_inside_it(tokens: list[int], window_seconds: float) -> None:
    pieces, consumed = pieces_of(tokens, FIRST, STEP_SECONDS, window_seconds)
    assert min(1.0, window_seconds) <= consumed <= window_seconds
    for piece in pieces:
        assert 0 <= piece.start_seconds <= piece.end_seconds <= window_seconds
    together = [token for piece in pieces for token in piece.tokens]
    assert together == tokens[: len(together)]


def moment(seconds: float) -> int:
    return FIRST + round(seconds / STEP_SECONDS)


def test_two_closed_stretches_are_two_pieces_and_the_whole_window_is_done() -> None:
    tokens = [moment(0), 1, 2, moment(1.5), moment(2), 3, moment(3)]
    pieces, consumed = pieces_of(tokens, FIRST, STEP_SECONDS, 6.0)
    assert [(piece.start_seconds, piece.end_seconds) for piece in pieces] == [(0.0, 1.5), (2.0, 3.0)]
    assert consumed == 6.0


def test_what_follows_the_last_pair_is_heard_again() -> None:
    tokens = [moment(0), 1, 2, moment(2.5), moment(2.5), 3, 4]
    pieces, consumed = pieces_of(tokens, FIRST, STEP_SECONDS, 6.0)
    assert [piece.tokens for piece in pieces] == [(moment(0), 1, 2, moment(2.5))]
    assert consumed == pytest.approx(2.5)


def test_text_without_any_moment_takes_the_whole_window() -> None:
    assert pieces_of([1, 2], FIRST, STEP_SECONDS, 4.0) == ((Piece(0.0, 4.0, (1, 2)),), 4.0)
