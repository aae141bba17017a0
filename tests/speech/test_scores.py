"""What is told of a choice is what the plain formulas give."""

from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from voice_api.speech.whisper.confidence import TokenTrace
from voice_api.speech.whisper.scores import CLEAR_MARGIN, Forbidden, Position, Scores, Summed

Values = NDArray[np.float32]
seeds = st.integers(0, 2**32 - 1)


@given(seeds, st.integers(3, 200), st.booleans())
def test_the_trace_is_what_the_formulas_give(seed: int, size: int, best: bool) -> None:
    random = np.random.default_rng(seed)
    logits = random.normal(0.0, 5.0, size).astype(np.float32)
    logits[random.permutation(size)[: size // 3]] = -np.inf
    scores = Scores()
    scores.read(logits.copy())
    token = int(logits.argmax()) if best else int(random.choice(np.flatnonzero(np.isfinite(logits))))
    wide = logits.astype(np.float64)
    log_probabilities = wide - wide.max() - np.log(np.exp(wide - wide.max()).sum())
    possible = log_probabilities[np.isfinite(log_probabilities)]
    found = scores.trace(logits, token)
    others = np.delete(log_probabilities, token).max()
    assert found.log_probability == pytest.approx(log_probabilities[token], abs=1e-5)
    assert found.margin == pytest.approx(min(CLEAR_MARGIN, log_probabilities[token] - others), abs=1e-5)
    assert found.entropy == pytest.approx(-(np.exp(possible) * possible).sum(), abs=1e-5)


@given(seeds)
def test_reading_leaves_the_logits_as_they_were(seed: int) -> None:
    logits = np.random.default_rng(seed).normal(size=50).astype(np.float32)
    scores, before = Scores(), logits.copy()
    scores.read(logits)
    scores.trace(logits, scores.best)
    assert (logits == before).all()


def test_tokens_are_drawn_as_often_as_they_are_likely() -> None:
    scores, random = Scores(), np.random.default_rng(0)
    logits = np.log(np.array([0.5, 0.3, 0.2, 1e-30], dtype=np.float32))
    logits[3] = -np.inf
    drawn = []
    for _ in range(4000):
        scores.read(logits)
        drawn.append(scores.draw(logits, 1.0, random))
    assert np.bincount(drawn, minlength=4) / 4000 == pytest.approx([0.5, 0.3, 0.2, 0.0], abs=0.03)


def told(logits: Values, again: dict[int, float], listed: int) -> Position:
    """What a graph tells that names so many tokens, and scores the likeliest of them again."""
    wide = logits.astype(np.float64)
    log_sum = float(wide.max() + np.log(np.exp(wide - wide.max()).sum()))
    log_shares = (wide - log_sum).astype(np.float32)
    expected = float((np.exp(wide - log_sum) * (wide - log_sum)).sum())
    summed = Summed(log_shares, log_sum, 1.0, expected)
    order = np.argsort(-logits, kind="stable")[:listed].tolist()
    least = float(logits[order[-1]]) if listed < logits.size else -np.inf
    for token, logit in again.items():
        summed.score_again(token, logit)
    scores = [again.get(token, float(logits[token])) for token in order]
    return Position(order, scores, len(again), least, summed)


def looked_up(logits: Values, forbidden: Forbidden) -> TokenTrace:
    allowed, scores = logits.copy(), Scores()
    allowed[forbidden.ids] = -np.inf
    scores.read(allowed)
    return scores.trace(allowed, scores.best)


@settings(max_examples=300)
@given(seeds, st.integers(8, 200), st.integers(0, 6), st.floats(0.0, 0.6), st.floats(0.1, 12.0))
def test_what_a_graph_tells_gives_what_a_look_at_all_logits_gives(
    seed: int, size: int, scored_again: int, share: float, spread: float
) -> None:
    """Or None: never another token, however few are named and whichever are forbidden."""
    random = np.random.default_rng(seed)
    logits = random.normal(0.0, spread, size).astype(np.float32)
    best = np.argsort(-logits, kind="stable")[:scored_again]
    again = {int(token): float(logits[token] + np.float32(random.normal(0.0, 0.5))) for token in best}
    ids = np.sort(random.choice(size, round(share * size), replace=False)).astype(np.intp)
    forbidden = Forbidden(frozenset(ids.tolist()), ids)
    found = told(logits, again, min(size, 8)).likeliest(forbidden)
    logits[list(again)] = list(again.values())
    if found is not None:
        assert astuple(found) == pytest.approx(astuple(looked_up(logits, forbidden)), abs=1e-4)


def test_a_runner_up_that_is_not_named_is_looked_for() -> None:
    logits = np.array([9.0, 8.0, 3.0, 2.0, 1.0], dtype=np.float32)
    nothing, second = (
        Forbidden(frozenset(), np.array([], dtype=np.intp)),
        Forbidden(frozenset({1}), np.array([1])),
    )
    assert told(logits, {}, 2).likeliest(second) is None
    assert told(logits, {}, 3).likeliest(second) is not None
    assert told(logits, {}, 2).likeliest(nothing) is not None
    assert told(logits, {0: 2.5}, 2).likeliest(nothing) is None, "what is not named may be likelier now"


def test_sums_that_hold_little_of_what_is_allowed_are_not_used() -> None:
    logits = np.array([20.0, 1.0, 0.5, 0.0], dtype=np.float32)
    forbidden = Forbidden(frozenset({0}), np.array([0]))
    position = told(logits, {}, 4)
    assert position.likeliest(forbidden) is None
    logits[0] = -np.inf
    scores, plain = Scores(), Scores()
    scores.read(logits, position.summed, forbidden)
    plain.read(logits)
    assert (scores.log_sum, scores.entropy) == (plain.log_sum, plain.entropy)


def test_sums_of_a_smaller_vocabulary_know_tokens_by_their_ids() -> None:
    kept = np.array([1, 3, 4, 9])
    shares = np.array([0.4, 0.3, 0.2, 0.1])
    expected = float((shares * np.log(shares)).sum())
    summed = Summed(np.log(shares).astype(np.float32), 0.0, 1.0, expected, kept)
    assert [summed.probability(token) for token in (3, 9, 2, 10)] == pytest.approx([0.3, 0.1, 0.0, 0.0])
    left, rest = summed.without(np.array([0, 1, 2, 9, 11]))
    assert left == pytest.approx(0.5)
    assert rest == pytest.approx(0.3 * np.log(0.3) + 0.2 * np.log(0.2))
