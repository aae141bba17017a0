"""Tokens are placed in time where transformers places them, and never before what was said earlier."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_api.speech.protocol import TranscribeOptions
from voice_api.speech.whisper.alignment import token_starts, warped
from voice_api.speech.whisper.engine import Whisper
from voice_api.speech.whisper.features import log_mel

SMALL: dict[str, Any] = {"graphs": ("encoder_model", "decoder_model_merged"), "chunk_seconds": 6}


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_tokens_begin_where_transformers_says(
    seed: int, load: Callable[..., Whisper], original: Callable[[Path], Any], speak: Callable[..., Any]
) -> None:
    """Its own attention is given to both; transformers takes that of each token as it is fed."""
    import torch

    whisper = load(seed=seed, **SMALL)
    model = original(whisper.model.folder.path)
    model.set_attn_implementation("eager")
    features = torch.from_numpy(log_mel(speak(), whisper.model.folder.features))
    prompt = list(whisper.model.prompter.prompt(TranscribeOptions(), "nl", timestamps=False).tokens)
    heads = model.generation_config.alignment_heads
    text = [int(token) for token in np.random.default_rng(seed).integers(10, 300, 20)]
    with torch.no_grad():
        told = model(features, decoder_input_ids=torch.tensor([[*prompt, *text]]), output_attentions=True)
    fed = GeneratedSoFar(told.cross_attentions, torch.tensor([[*prompt, *text, 0]]))
    seconds = model._extract_token_timestamps(fed, heads, num_input_ids=len(prompt))[0]
    attention = np.stack([told.cross_attentions[layer][0, head].numpy() for layer, head in heads])
    starts = token_starts(attention[:, len(prompt) :])
    assert len(set(starts.tolist())) > 3, "all at once shows nothing"
    assert (starts * 0.02).tolist() == pytest.approx(seconds[len(prompt) : -1].tolist(), abs=1e-4)


class GeneratedSoFar:
    """What transformers' generate leaves behind, as if all tokens had come at once."""

    def __init__(self, cross_attentions: Any, sequences: Any) -> None:
        self.cross_attentions, self.sequences = (cross_attentions,), sequences

    def __contains__(self, name: str) -> bool:
        return name in vars(self)


sizes = st.tuples(st.integers(1, 3), st.integers(1, 12), st.integers(1, 40), st.integers(0, 2**32 - 1))


@given(sizes)
def test_tokens_begin_in_their_order_within_the_sound(size: tuple[int, int, int, int]) -> None:
    heads, tokens, positions, seed = size
    attention = np.random.default_rng(seed).dirichlet(np.ones(positions), (heads, tokens)).astype(np.float32)
    starts = token_starts(attention)
    assert starts.shape == (tokens,)
    assert starts[0] == 0
    assert starts.max() < positions
    assert (np.diff(starts) >= 0).all()


@given(sizes)
def test_no_other_path_is_cheaper(size: tuple[int, int, int, int]) -> None:
    """The plain recursion over all cells, against the one by diagonals."""
    _, rows, columns, seed = size
    costs = np.random.default_rng(seed).normal(size=(rows, columns)).astype(np.float32)
    total = np.full((rows + 1, columns + 1), np.inf)
    total[0, 0] = 0.0
    for row in range(rows):
        for column in range(columns):
            total[row + 1, column + 1] = costs[row, column] + min(
                total[row, column], total[row, column + 1], total[row + 1, column]
            )
    path = list(zip(*warped(costs), strict=True))
    assert path[0] == (0, 0)
    assert path[-1] == (rows - 1, columns - 1)
    assert sum(float(costs[cell]) for cell in path) == pytest.approx(total[-1, -1], abs=1e-3)
    steps = {(after[0] - before[0], after[1] - before[1]) for before, after in pairwise(path)}
    assert steps <= {(0, 1), (1, 0), (1, 1)}


def test_a_token_begins_where_its_heads_listen() -> None:
    attention = np.full((2, 4, 60), 0.001, dtype=np.float32)
    for token, place in enumerate((0, 15, 30, 45)):
        attention[:, token, place : place + 15] = 0.06
    assert token_starts(attention).tolist() == [0, 15, 30, 45]


def test_without_tokens_or_sound_there_is_nothing_to_place() -> None:
    assert token_starts(np.zeros((2, 0, 10), dtype=np.float32)).tolist() == []
    assert token_starts(np.zeros((2, 3, 0), dtype=np.float32)).tolist() == [0, 0, 0]
