"""The grammar of timestamps holds for whatever a model prefers."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from voice_api.speech.whisper.config import Generation
from voice_api.speech.whisper.rules import TokenRules

END, FIRST, LATEST_START, VOCABULARY = 20, 30, 5, 60
GENERATION = Generation(
    start_token=21,
    end_token=END,
    no_timestamps_token=FIRST - 1,
    first_timestamp=FIRST,
    suppressed=(3, *range(21, FIRST - 1)),
    suppressed_first=(4, END),
    languages={},
    tasks={},
    multilingual=False,
    max_initial_timestamp_index=LATEST_START,
    max_length=40,
)


def text_of(preferences: list[float], timed: bool) -> list[int]:
    """What greedy decoding takes when its logits are shifted copies of `preferences`."""
    rules = TokenRules(GENERATION, timed)
    wanted, tokens = np.array(preferences, dtype=np.float32), list[int]()
    while len(tokens) < GENERATION.max_length and END not in tokens:
        allowed = rules.apply(np.roll(wanted, 7 * len(tokens)), tokens)
        tokens.append(int(allowed.argmax()))
    return tokens


preferences = st.lists(st.floats(-20, 20, width=32), min_size=VOCABULARY, max_size=VOCABULARY)


@given(preferences)
def test_timed_text_begins_with_an_early_moment(wanted: list[float]) -> None:
    assert FIRST <= text_of(wanted, timed=True)[0] <= FIRST + LATEST_START


@given(preferences)
def test_moments_never_go_back(wanted: list[float]) -> None:
    moments = [token for token in text_of(wanted, timed=True) if token >= FIRST]
    assert moments == sorted(moments)


@given(preferences)
def test_moments_come_in_pairs_but_at_both_ends(wanted: list[float]) -> None:
    tokens = text_of(wanted, timed=True)
    marks = "".join("t" if token >= FIRST else "e" if token == END else "w" for token in tokens)
    runs = [run for run in marks.replace("e", " ").replace("w", " ").split() if run]
    assert marks.startswith("t")
    assert all(len(run) == 2 for run in runs[1:-1])
    assert not runs[1:] or len(runs[0]) == 1
    assert len(runs[-1]) <= 2


@given(preferences)
def test_no_stretch_between_two_moments_is_empty(wanted: list[float]) -> None:
    """After a closed stretch the next may begin at the same moment; within one, time must pass."""
    moments = [token for token in text_of(wanted, timed=True) if token >= FIRST]
    assert all(begin < end for begin, end in zip(moments[::2], moments[1::2], strict=False))


@given(preferences, st.booleans())
def test_suppressed_tokens_are_never_taken(wanted: list[float], timed: bool) -> None:
    tokens = text_of(wanted, timed)
    assert not set(tokens) & set(GENERATION.suppressed)
    assert tokens[0] not in GENERATION.suppressed_first


@given(st.floats(0.5, 5))
def test_a_moment_wins_when_all_moments_together_are_likelier(lead: float) -> None:
    logits = np.full(VOCABULARY, -50, dtype=np.float32)
    logits[7] = 0.0
    logits[FIRST + 3 : FIRST + 13] = np.log(0.1) + lead
    assume(logits[FIRST + 3] < 0.0)
    told = TokenRules(GENERATION, timestamps=True).apply(logits, [FIRST, 8])
    assert int(told.argmax()) >= FIRST


def test_a_word_wins_when_all_moments_together_are_less_likely() -> None:
    logits = np.full(VOCABULARY, -50, dtype=np.float32)
    logits[7] = 0.0
    logits[FIRST + 3 : FIRST + 13] = np.log(0.1) - 0.5
    assert int(TokenRules(GENERATION, timestamps=True).apply(logits, [FIRST, 8]).argmax()) == 7


def test_rules_write_into_the_logits_they_are_given() -> None:
    logits = np.zeros(VOCABULARY, dtype=np.float32)
    assert TokenRules(GENERATION, timestamps=True).apply(logits, []) is logits
    assert np.isneginf(logits[list(GENERATION.suppressed)]).all()


@pytest.mark.parametrize("timed", [False, True])
def test_without_preference_some_token_is_always_left(timed: bool) -> None:
    rules, tokens = TokenRules(GENERATION, timed), list[int]()
    for _ in range(GENERATION.max_length):
        allowed = rules.apply(np.zeros(VOCABULARY, dtype=np.float32), tokens)
        assert np.isfinite(allowed).any()
        tokens.append(int(allowed.argmax()))
