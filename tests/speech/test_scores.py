"""What is told of a choice is what the plain formulas give."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voice_api.speech.whisper.scores import CLEAR_MARGIN, Scores

seeds = st.integers(0, 2**32 - 1)


@settings(deadline=None)
@given(seeds, st.integers(3, 200), st.booleans())
def test_the_trace_is_what_the_formulas_give(seed: int, size: int, best: bool) -> None:
    random = np.random.default_rng(seed)
    logits = random.normal(0.0, 5.0, size).astype(np.float32)
    logits[random.permutation(size)[: size // 3]] = -np.inf
    scores = Scores(size)
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


@settings(deadline=None)
@given(seeds)
def test_reading_leaves_the_logits_as_they_were(seed: int) -> None:
    logits = np.random.default_rng(seed).normal(size=50).astype(np.float32)
    scores, before = Scores(50), logits.copy()
    scores.read(logits)
    scores.trace(logits, scores.best)
    assert (logits == before).all()


def test_tokens_are_drawn_as_often_as_they_are_likely() -> None:
    scores, random = Scores(4), np.random.default_rng(0)
    logits = np.log(np.array([0.5, 0.3, 0.2, 1e-30], dtype=np.float32))
    logits[3] = -np.inf
    drawn = []
    for _ in range(4000):
        scores.read(logits)
        drawn.append(scores.draw(1.0, random))
    assert np.bincount(drawn, minlength=4) / 4000 == pytest.approx([0.5, 0.3, 0.2, 0.0], abs=0.03)
