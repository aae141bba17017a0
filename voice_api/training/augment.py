"""Rooms, microphones and noise: what happens to speech between a mouth and the model."""

from dataclasses import dataclass

import numpy as np
import soxr
from espeak import Spoken
from noise import BLOCK, RATE, NoiseShelf, Sound, babble, band, clicks
from numpy.random import Generator
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Placed:
    """Speech at 16 kHz with silence around it; marks are (seconds, phoneme) of the new sound."""

    sound: Sound
    marks: tuple[tuple[float, str], ...]


def warped(spoken: Spoken, chance: Generator, widest: float = 0.17) -> Placed:
    """Another length of throat: resampling moves formants, pitch and tempo together."""
    warp = float(np.exp(chance.uniform(-widest, widest)))
    samples = spoken.samples.astype(np.float32) / 32_768.0
    sound = soxr.resample(samples, spoken.sample_rate * warp, RATE, quality="LQ").astype(np.float32)
    lead, tail = chance.uniform(0.02, 0.5), chance.uniform(0.05, 0.6)
    length = len(sound) + int((lead + tail) * RATE)
    whole = np.zeros(-(-length // BLOCK) * BLOCK, np.float32)
    start = int(lead * RATE)
    whole[start : start + len(sound)] = sound
    scale = 1.0 / (spoken.sample_rate * warp)
    return Placed(whole, tuple((lead + mark.start * scale, mark.name) for mark in spoken.phonemes))


def disturbed(sound: Sound, others: list[Sound], shelf: NoiseShelf, chance: Generator) -> Sound:
    """Equaliser, band limits, room, noise, clipping and level, each by chance."""
    spectrum = np.fft.rfft(sound)
    frequencies = np.fft.rfftfreq(len(sound), 1 / RATE)
    if chance.random() < 0.85:
        spectrum = spectrum * _equaliser(frequencies, chance)
    if chance.random() < 0.35:
        spectrum = spectrum * band(frequencies, chance)
    if chance.random() < 0.4:
        spectrum = spectrum * np.fft.rfft(_room(chance), len(sound))
    heard = np.fft.irfft(spectrum, len(sound)).astype(np.float32)
    heard /= np.abs(heard).max() + 1e-6
    if chance.random() < 0.85:
        heard = heard + _noise_for(heard, others, shelf, chance)
    if chance.random() < 0.06:
        heard = np.clip(heard, -1.0, 1.0) if chance.random() < 0.5 else np.clip(heard, -0.3, 0.3)
    return levelled(heard, chance)


def levelled(sound: Sound, chance: Generator) -> Sound:
    """Peak between -26 and 0 dB, in the 16-bit steps of a file."""
    peak = 10 ** (chance.uniform(-26.0, 0.0) / 20.0)
    scaled = sound * (peak / (np.abs(sound).max() + 1e-9))
    return np.asarray(np.round(scaled * 32_767.0) / 32_768.0, np.float32)


def _noise_for(sound: Sound, others: list[Sound], shelf: NoiseShelf, chance: Generator) -> Sound:
    """Noise at 4 to 28 dB below the mean power of the loud parts, half of it within 14 dB."""
    length, kind = len(sound), chance.random()
    if kind < 0.75:
        noise, quietest = shelf.noise(length), 4.0
    elif kind < 0.88:
        noise, quietest = babble(length, others, chance, int(chance.integers(3, 9))), 9.0
    elif kind < 0.94:
        noise, quietest = shelf.tune(length), 8.0
    else:
        noise, quietest = clicks(length, chance), 8.0
    loud = np.square(sound, where=np.abs(sound) > 0.05, out=np.zeros_like(sound)).sum()
    loud /= max(1, int((np.abs(sound) > 0.05).sum()))
    decibels = chance.uniform(quietest, 14.0 if chance.random() < 0.55 else 28.0)
    return noise * np.float32(np.sqrt(loud / (np.square(noise).mean() + 1e-9)) * 10 ** (-decibels / 20))


def _equaliser(frequencies: NDArray[np.float64], chance: Generator) -> NDArray[np.float64]:
    points = np.array([0.0, 150, 400, 900, 1_800, 3_200, 5_000, 8_000])
    bumps = chance.normal(0.0, chance.uniform(1.0, 6.0), len(points))
    decibels = bumps + chance.uniform(-2, 2) * np.arange(len(points))
    return np.asarray(10 ** (np.interp(frequencies, points, decibels) / 20))


def _room(chance: Generator) -> Sound:
    """Direct sound, then an exponential tail that has fallen by 60 dB after 0.1 to 0.7 s."""
    seconds = chance.uniform(0.1, 0.7)
    age = np.arange(int(seconds * RATE)) / RATE
    tail = chance.standard_normal(len(age)) * 10 ** (-3 * age / seconds)
    tail[: int(chance.uniform(0.001, 0.02) * RATE)] = 0.0
    tail *= 10 ** (chance.uniform(-14.0, 2.0) / 20) / np.sqrt(np.square(tail).sum() + 1e-9)
    tail[0] = 1.0
    return tail.astype(np.float32)
