"""The same words from another throat and larynx: the spectral envelope kept or warped, the buzz replaced.

Older synthesisers sound so (diphones through linear prediction); the speech of a few voices becomes many.
"""

import numpy as np
from noise import RATE, Sound
from numpy.random import Generator
from numpy.typing import NDArray

WINDOW, HOP, CEPSTRA = 512, 200, 28
Frames = NDArray[np.float32]


def revoiced(sound: Sound, chance: Generator) -> Sound:
    """As long as `sound`, at 16 kHz, with a buzz of another pitch and formants moved by up to a seventh."""
    starts = np.arange(0, len(sound), HOP)
    padded = np.pad(sound, (WINDOW // 2, WINDOW))
    window = np.hanning(WINDOW).astype(np.float32)
    spectra = np.fft.rfft(_frames(padded, starts) * window)
    power = np.square(spectra.real) + np.square(spectra.imag)
    envelope = _smoothed(np.log(power + 1e-7) / 2)
    share = _voiced_share(power)
    buzz, hiss = _buzz(len(padded), chance), chance.standard_normal(len(padded)).astype(np.float32) * 0.6
    excited = share * _frames(buzz, starts) + (1 - share) * _frames(hiss, starts)
    filters = _filters(_moved(envelope, chance.uniform(0.87, 1.15)))
    filtered = np.fft.irfft(np.fft.rfft(excited * window) * filters)
    whole = np.zeros(len(padded) + WINDOW, np.float32)
    for start, frame in zip(starts, filtered, strict=True):
        whole[start : start + WINDOW] += frame
    return whole[WINDOW // 2 : WINDOW // 2 + len(sound)]


def _frames(sound: Sound, starts: NDArray[np.int64]) -> Frames:
    return np.asarray(np.lib.stride_tricks.sliding_window_view(sound, WINDOW)[starts])


def _smoothed(logarithm: Frames) -> Frames:
    cepstra = np.fft.irfft(logarithm)
    cepstra[:, CEPSTRA : WINDOW - CEPSTRA + 1] = 0.0
    return np.asarray(np.fft.rfft(cepstra).real)


def _moved(envelope: Frames, factor: float) -> Frames:
    places = np.minimum(np.arange(envelope.shape[1]) * factor, envelope.shape[1] - 1.001)
    lower = places.astype(int)
    share = (places - lower).astype(np.float32)
    return np.asarray(envelope[:, lower] * (1 - share) + envelope[:, lower + 1] * share)


def _filters(envelope: Frames) -> NDArray[np.complex64]:
    """Minimum phase: the cepstrum folded onto its causal half."""
    cepstra = np.fft.irfft(envelope)
    cepstra[:, 1 : WINDOW // 2] *= 2.0
    cepstra[:, WINDOW // 2 + 1 :] = 0.0
    return np.asarray(np.exp(np.fft.rfft(cepstra)))


def _voiced_share(power: Frames) -> Frames:
    """By the balance of what lies below 1 kHz and above 2.5 kHz; nearly all or nearly nothing."""
    low, high = power[:, :32].sum(axis=1), power[:, 80:].sum(axis=1)
    balance = np.log((low + 1e-6) / (high + 1e-6))
    return np.asarray(1 / (1 + np.exp(-1.5 * (balance - 0.7))), np.float32)[:, None] * np.float32(0.97)


def _buzz(length: int, chance: Generator) -> Sound:
    """Pulses of 70 to 280 Hz that rise and fall by some semitones."""
    seconds = np.arange(length) / RATE
    turns = chance.uniform(0.2, 1.2) * seconds + chance.random()
    octaves = chance.uniform(0.0, 2.0) + chance.uniform(0.0, 0.25) * np.sin(2 * np.pi * turns)
    hertz = 70.0 * 2 ** (octaves - chance.uniform(0, 0.3) * seconds / seconds[-1])
    cycles = np.floor(np.cumsum(hertz) / RATE)
    return np.asarray(np.diff(cycles, prepend=0.0) * np.sqrt(RATE / hertz) * 0.8, np.float32)
