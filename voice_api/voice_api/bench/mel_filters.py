"""The mel filters as one dense table, as peers carry them in their model files."""

import numpy as np
from numpy.typing import NDArray

from voice_api.speech.protocol import SAMPLE_RATE

WINDOW_LENGTH = 400
HIGHEST_MEL = 15.0 + 27.0 * np.log(8.0) / np.log(6.4)
"""Of 8 kHz on Slaney's scale: 15 mel to 1 kHz, then 27 for each factor of 6.4."""


def mel_filters(bins: int) -> NDArray[np.float32]:
    """Triangles of equal area on Slaney's mel scale, [bins, frequencies]."""
    corners = _hertz(np.linspace(0.0, HIGHEST_MEL, bins + 2))[:, np.newaxis]
    frequencies = np.linspace(0.0, SAMPLE_RATE / 2, WINDOW_LENGTH // 2 + 1)
    rising = (frequencies - corners[:-2]) / (corners[1:-1] - corners[:-2])
    falling = (corners[2:] - frequencies) / (corners[2:] - corners[1:-1])
    heights = np.maximum(0.0, np.minimum(rising, falling)) * 2.0 / (corners[2:] - corners[:-2])
    return heights.astype(np.float32)


def _hertz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(mel < 15.0, mel * 200.0 / 3.0, 1_000.0 * np.exp(np.log(6.4) / 27.0 * (mel - 15.0)))
