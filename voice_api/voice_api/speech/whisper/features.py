"""Log-mel features: sound as Whisper's encoder wants it."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from voice_api.speech.protocol import SAMPLE_RATE

HIGHEST_HERTZ = 8_000.0
LINEAR_HERTZ_PER_MEL = 200.0 / 3.0
LOGARITHMIC_FROM_HERTZ = 1_000.0
LOGARITHMIC_STEP = np.log(6.4) / 27.0
QUIETEST = 1e-10
FRAMES_AT_ONCE = 50


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
    padded = _reflected(samples[: count * settings.hop_length], count, settings)
    logarithm = np.full((settings.bins, count), np.log10(QUIETEST), dtype=np.float32)
    for start, energies in _mel_energies(padded, _sounding(samples.size, count, settings), settings):
        logarithm[:, start : start + len(energies)] = np.log10(np.maximum(energies, QUIETEST)).T
    np.maximum(logarithm, logarithm.max() - 8.0, out=logarithm)
    logarithm += 4.0
    logarithm /= 4.0
    return logarithm[np.newaxis]


def _sounding(samples: int, count: int, settings: FeatureSettings) -> int:
    """How many frames any of the sound lies in; what follows is silence, and needs no spectrum."""
    return min(count, -(-(samples + settings.window_length // 2) // settings.hop_length))


def _reflected(samples: NDArray[np.float32], count: int, settings: FeatureSettings) -> NDArray[np.float64]:
    """Sound and silence of `count` frames, mirrored half a window over both ends.

    Double precision keeps quiet bins exact until they are squared.
    """
    half, length = settings.window_length // 2, count * settings.hop_length
    padded = np.zeros(length + 2 * half)
    padded[half : half + samples.size] = samples
    padded[:half] = padded[2 * half : half : -1]
    padded[half + length :] = padded[half + length - 2 : length - 2 : -1]
    return padded


def _mel_energies(
    padded: NDArray[np.float64], count: int, settings: FeatureSettings
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Index of the first and energies [frames, bins] of a few frames after the other.

    They are few so that everything stays in the cache of a core: a whole chunk at once takes twice as
    long, most of it for fresh pages of memory.
    """
    hann, weights = _periodic_hann(settings.window_length), mel_weights(settings.bins, settings.window_length)
    windows = np.lib.stride_tricks.sliding_window_view(padded, settings.window_length)
    for start in range(0, count, FRAMES_AT_ONCE):
        end = min(count, start + FRAMES_AT_ONCE)
        spectrum = np.fft.rfft(
            windows[start * settings.hop_length :: settings.hop_length][: end - start] * hann
        )
        power = np.square(spectrum.real)
        power += np.square(spectrum.imag)
        yield start, power.astype(np.float32) @ weights


@lru_cache
def _periodic_hann(length: int) -> NDArray[np.float64]:
    return 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(length) / length)


@lru_cache
def mel_weights(bins: int, window_length: int) -> NDArray[np.float32]:
    """Triangles of equal area on the Slaney mel scale, [frequencies, bins]."""
    frequencies = np.linspace(0.0, SAMPLE_RATE / 2, window_length // 2 + 1)
    corners = _hertz(np.linspace(0.0, _mel(HIGHEST_HERTZ), bins + 2))
    widths = np.diff(corners)
    distance = corners[:, np.newaxis] - frequencies
    rising = -distance[:-2] / widths[:-1, np.newaxis]
    falling = distance[2:] / widths[1:, np.newaxis]
    heights = (
        np.maximum(0.0, np.minimum(rising, falling)) * (2.0 / (corners[2:] - corners[:-2]))[:, np.newaxis]
    )
    return np.ascontiguousarray(heights.T, dtype=np.float32)


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
