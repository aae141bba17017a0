"""Long sound: windows cover everything once, and timestamps say where the next one begins."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from voice_api.speech.whisper.windows import Piece, cut_after, pieces_of

FIRST, END_OF_TIME = 100, 400
STEP_SECONDS = 0.02


Levels = NDArray[np.float32]


def sound_of(*parts: tuple[int, float], hiss: float = 0.0) -> Levels:
    """Levels of stretches, each so many chunks long and so loud."""
    return np.concatenate([np.full(count, max(level, hiss), np.float32) for count, level in parts])


def cuts(levels: Levels, longest: int) -> list[int]:
    """Where all windows end."""
    ends = [0]
    while ends[-1] < levels.size:
        ends.append(ends[-1] + cut_after(levels[ends[-1] :], longest))
    return ends[1:]


@given(st.lists(st.floats(0.0, 1.0, width=32), max_size=400), st.integers(32, 120))
def test_windows_cover_everything_and_none_is_longer_than_a_chunk(values: list[float], longest: int) -> None:
    ends = cuts(np.array(values, np.float32), longest)
    assert all(0 < right - left <= longest for left, right in pairwise([0, *ends]))
    assert ends == [] if not values else ends[-1] == len(values)


@given(
    st.lists(st.tuples(st.integers(5, 60), st.integers(16, 80)), min_size=1, max_size=8),
    st.sampled_from([0.0, 0.001, 0.01]),
)
def test_each_utterance_has_a_window_of_its_own_where_pauses_lie_between(
    spoken: list[tuple[int, int]], hiss: float
) -> None:
    parts = [part for words, pause in spoken for part in ((words, 0.1), (pause, 0.0))]
    levels = sound_of(*parts, hiss=hiss)
    windows = [levels[left:right] for left, right in pairwise([0, *cuts(levels, 312)])]
    loud = [np.flatnonzero(window > 0.05) for window in windows]
    assert sorted(found.size for found in loud if found.size) == sorted(words for words, _ in spoken)
    assert all(np.all(np.diff(found) == 1) for found in loud)


def test_a_breath_between_words_does_not_end_an_utterance() -> None:
    assert cuts(sound_of((40, 0.1), (14, 0.0), (40, 0.1)), 312) == [94]


def test_speech_without_pauses_is_cut_where_its_second_half_is_quietest() -> None:
    levels = sound_of((200, 0.1), (20, 0.06), (60, 0.1), (20, 0.07), (200, 0.1))
    assert 200 <= cuts(levels, 312)[0] <= 220


def test_the_pause_before_the_first_word_ends_no_window() -> None:
    assert cuts(sound_of((100, 0.0), (50, 0.1)), 312) == [150]


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
