"""Times a compiled folder's steps, to choose between graphs that compute the same."""

import time
from pathlib import Path

import numpy as np

from voice_api.speech.runtime import onnxruntime
from voice_api.speech.whisper.compile.encoder_graph import cross_name
from voice_api.speech.whisper.compile.sizes import Sizes
from voice_api.speech.whisper.compiled import CompiledDecoder

SHORT_COMMAND_POSITIONS = 275
"""What the encoder makes of five seconds and a margin."""

STEPS = 24


def step_milliseconds(folder: Path, sizes: Sizes, threads: int) -> float:
    """The median time of a token of a short command; the sound is noise, which costs the same."""
    decoder = CompiledDecoder(folder, sizes.architecture, threads)
    decoding = decoder.begin(_noise(sizes))
    decoding.feed(np.zeros((1, 4), dtype=np.int64))
    seconds: list[float] = []
    for _ in range(STEPS):
        began = time.perf_counter()
        decoding.feed(np.zeros((1, 1), dtype=np.int64))
        seconds.append(time.perf_counter() - began)
    return round(1e3 * float(np.median(seconds)), 3)


def _noise(sizes: Sizes) -> dict[str, object]:
    random = np.random.default_rng(0)
    positions = min(SHORT_COMMAND_POSITIONS, sizes.architecture.max_source_positions)
    shape = (1, sizes.heads, positions, sizes.head_size)
    return {
        cross_name(layer, part): onnxruntime.OrtValue.ortvalue_from_numpy(
            random.normal(size=shape).astype(np.float32)
        )
        for layer in range(sizes.layers)
        for part in ("key", "value")
    }
