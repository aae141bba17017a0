"""Log-mel features of many utterances at once; each row equals the product's own for that row."""

import numpy as np
import torch
from torch import Tensor
from transformers.audio_utils import mel_filter_bank

from voice_api.speech.whisper.features import FeatureSettings

RATE = 16_000
SETTINGS = FeatureSettings(bins=80, window_length=400, hop_length=320, chunk_seconds=10.0)


class LogMel:
    """Holds the window and the filters of SETTINGS."""

    def __init__(self) -> None:
        self._window = torch.hann_window(SETTINGS.window_length)
        filters = mel_filter_bank(
            SETTINGS.window_length // 2 + 1,
            SETTINGS.bins,
            0.0,
            RATE / 2,
            RATE,
            norm="slaney",
            mel_scale="slaney",
        ).T
        self._filters = torch.from_numpy(np.asarray(filters, dtype=np.float32))

    def __call__(self, samples: Tensor) -> Tensor:
        """samples [batch, n], n a multiple of the hop: features [batch, bins, n / hop]."""
        hop = SETTINGS.hop_length
        spectrum = torch.stft(
            samples, SETTINGS.window_length, hop, window=self._window, center=True, return_complex=True
        )
        power = spectrum.real.square() + spectrum.imag.square()
        energies = (self._filters @ power)[:, :, : samples.shape[1] // hop]
        logarithm = energies.clamp(min=1e-10).log10()
        loudest = logarithm.amax(dim=(1, 2), keepdim=True)
        return (torch.maximum(logarithm, loudest - 8.0) + 4.0) / 4.0
