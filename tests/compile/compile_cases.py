"""What the tests of compiled folders feed them with."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voice_api.speech.whisper.config import read_architecture

MERGED = ("encoder_model", "decoder_model_merged")
SPLIT = ("encoder_model", "decoder_model", "decoder_with_past_model")
Values = NDArray[np.float32]


def some_features(folder: Path, frames: int | None = None) -> Values:
    """Features [1, bins, frames] of noise; a whole chunk unless told otherwise."""
    sizes = read_architecture(folder)
    count = 2 * sizes.max_source_positions if frames is None else frames
    random = np.random.default_rng(count)
    return np.asarray(random.normal(0, 0.5, (1, sizes.num_mel_bins, count)), dtype=np.float32)


def some_tokens(folder: Path, beams: int = 1, count: int = 10) -> NDArray[np.int64]:
    sizes = read_architecture(folder)
    return np.random.default_rng(1).integers(0, sizes.vocab_size, (beams, count))
