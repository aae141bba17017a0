"""Log-mel features: sound as Whisper's encoder wants it."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from voice_api.speech.protocol import SAMPLE_RATE

HIGHEST_HERTZ = 8_000.0
LINEAR_HERTZ_PER_MEL = 200.0 / 3.0
LOGARITHMIC_FROM_HERTZ = 1_000.0
LOGARITHMIC_STEP = np.log(6.4) / 27.0


@dataclass(frozen=True, slots=True)
class FeatureSettings:
    """What a folder's preprocessor_config.json says; lengths in samples of SAMPLE_RATE."""

    bins: int = 80
    window_length: int = 400
    hop_length: int = 160
    chunk_seconds: float = 30.0

    @property
    def chunk_samples(self) -> int:
        return round(self.chunk_seconds * SAMPLE_RATE)

    @property
    def chunk_frames(self) -> int:
        return self.chunk_samples // self.hop_length


def log_mel(
    samples: NDArray[np.float32], settings: FeatureSettings, frames: int | None = None
) -> NDArray[np.float32]:
    """The features of `samples`, float32 [1, bins, frames]; a whole chunk unless `frames` says less.

    Sound is cut or filled with silence to fit. Equal to the extractor of the Whisper reference: Hann
    window, power spectrum, Slaney mel scale, log10 floored at eight below the loudest, scaled to about 1.
    """
    count = settings.chunk_frames if frames is None else frames
    power = _power_spectrum(_fit(samples, count * settings.hop_length), settings)[:count]
    energies = _mel_energies(power, _mel_triangles(settings.bins, settings.window_length))
    logarithm = np.log10(np.maximum(energies, 1e-10))
    logarithm = np.maximum(logarithm, logarithm.max() - 8.0)
    return np.ascontiguousarray((logarithm.T + 4.0) / 4.0, dtype=np.float32)[np.newaxis]


def _fit(samples: NDArray[np.float32], length: int) -> NDArray[np.float64]:
    fitted = np.zeros(length, dtype=np.float64)
    kept = min(length, samples.size)
    fitted[:kept] = samples[:kept]
    return fitted


def _power_spectrum(samples: NDArray[np.float64], settings: FeatureSettings) -> NDArray[np.float64]:
    """Power of each window, [windows, frequencies]; double precision keeps quiet bins exact."""
    window_length = settings.window_length
    padded = np.pad(samples, window_length // 2, mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, window_length)[:: settings.hop_length]
    spectrum = np.fft.rfft(windows * _periodic_hann(window_length))
    return np.asarray(spectrum.real**2 + spectrum.imag**2)


@lru_cache
def _periodic_hann(length: int) -> NDArray[np.float64]:
    return 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(length) / length)


@dataclass(frozen=True, slots=True)
class _Triangles:
    """The weights of all mel triangles one after the other, without the zeros around them."""

    frequencies: NDArray[np.int64]
    weights: NDArray[np.float64]
    starts: NDArray[np.int64]


def _mel_energies(power: NDArray[np.float64], triangles: _Triangles) -> NDArray[np.float64]:
    """[windows, bins]; sums over few terms, where a matrix product would wake and wait for threads."""
    weighted = power[:, triangles.frequencies] * triangles.weights
    return np.asarray(np.add.reduceat(weighted, triangles.starts, axis=1))


@lru_cache
def _mel_triangles(bins: int, window_length: int) -> _Triangles:
    """Triangles on the Slaney mel scale with equal area; one too narrow for a frequency keeps a zero."""
    frequencies = np.linspace(0.0, SAMPLE_RATE / 2, window_length // 2 + 1)
    corners = _hertz(np.linspace(0.0, _mel(HIGHEST_HERTZ), bins + 2))
    widths = np.diff(corners)
    distance = corners[:, np.newaxis] - frequencies
    rising = -distance[:-2] / widths[:-1, np.newaxis]
    falling = distance[2:] / widths[1:, np.newaxis]
    heights = (
        np.maximum(0.0, np.minimum(rising, falling)) * (2.0 / (corners[2:] - corners[:-2]))[:, np.newaxis]
    )
    kept = [np.flatnonzero(row) if row.any() else np.array([0]) for row in heights]
    weights = np.concatenate([row[chosen] for row, chosen in zip(heights, kept, strict=True)])
    starts = np.cumsum([0, *(chosen.size for chosen in kept[:-1])])
    return _Triangles(np.concatenate(kept), weights, starts)


def _mel(hertz: float) -> float:
    """Slaney's scale: linear below 1 kHz, logarithmic above."""
    if hertz < LOGARITHMIC_FROM_HERTZ:
        return hertz / LINEAR_HERTZ_PER_MEL
    start = LOGARITHMIC_FROM_HERTZ / LINEAR_HERTZ_PER_MEL
    return float(start + np.log(hertz / LOGARITHMIC_FROM_HERTZ) / LOGARITHMIC_STEP)


def _hertz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    start = LOGARITHMIC_FROM_HERTZ / LINEAR_HERTZ_PER_MEL
    logarithmic = LOGARITHMIC_FROM_HERTZ * np.exp(LOGARITHMIC_STEP * (mel - start))
    return np.asarray(np.where(mel < start, LINEAR_HERTZ_PER_MEL * mel, logarithmic))
