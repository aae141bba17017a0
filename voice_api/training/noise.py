"""Sounds without words: noise, babble, tunes, clicks; for mixing and for hearing nothing in."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

RATE = 16_000
BLOCK = 4_096
Sound = NDArray[np.float32]


def band(frequencies: NDArray[np.float64], chance: Generator) -> NDArray[np.float64]:
    low, high = chance.uniform(20, 350), chance.uniform(2_800, 8_000)
    slope = chance.uniform(2, 8)
    below = 1 / (1 + (low / np.maximum(frequencies, 1.0)) ** slope)
    return np.asarray(below / (1 + (frequencies / high) ** (2 * slope)))


class NoiseShelf:
    """Ten-second noises, some replaced at each renewal: cheaper than a new one for every clip."""

    def __init__(self, chance: Generator) -> None:
        self._chance = chance
        self._noises = [coloured_noise(10 * RATE, chance) for _ in range(48)]
        self._tunes = [tune(10 * RATE, chance) for _ in range(12)]

    def renew(self) -> None:
        for _ in range(8):
            self._noises[int(self._chance.integers(48))] = coloured_noise(10 * RATE, self._chance)
        self._tunes[int(self._chance.integers(12))] = tune(10 * RATE, self._chance)

    def noise(self, length: int) -> Sound:
        return self._cut(self._noises, length)

    def tune(self, length: int) -> Sound:
        return self._cut(self._tunes, length)

    def _cut(self, sounds: list[Sound], length: int) -> Sound:
        sound = sounds[int(self._chance.integers(len(sounds)))]
        start = int(self._chance.integers(len(sound) - length)) if length < len(sound) else 0
        return np.resize(sound[start:], length)


def coloured_noise(length: int, chance: Generator) -> Sound:
    """Noise whose spectrum falls by 0 to 12 dB an octave, at times band-limited or swelling; peak 1."""
    length = -(-length // BLOCK) * BLOCK
    frequencies = np.fft.rfftfreq(length, 1 / RATE)
    spectrum = np.fft.rfft(chance.standard_normal(length).astype(np.float32))
    spectrum *= (np.maximum(frequencies, 30.0) / 1000.0) ** -chance.uniform(0.0, 2.0)
    if chance.random() < 0.3:
        spectrum *= band(frequencies, chance)
    noise = np.fft.irfft(spectrum, length)
    if chance.random() < 0.2:
        noise *= 1.0 + 0.9 * np.sin(2 * np.pi * chance.uniform(0.2, 8) * np.arange(length) / RATE)
    return np.asarray(noise / (np.abs(noise).max() + 1e-9), np.float32)


def babble(length: int, others: list[Sound], chance: Generator, voices: int) -> Sound:
    """Several people at once, from random places in other utterances, some slower or backwards; peak 1."""
    mixed = np.zeros(length, np.float32)
    for _ in range(voices):
        other = others[int(chance.integers(len(others)))]
        other = other[::-1] if chance.random() < 0.2 else other
        if chance.random() < 0.5:
            pace = chance.uniform(0.75, 1.3)
            other = np.interp(np.arange(0, len(other) - 1, pace), np.arange(len(other)), other)
        start = int(chance.integers(len(other)))
        mixed += np.resize(np.roll(other, start), length) * chance.uniform(0.5, 1.0)
    return mixed / (np.abs(mixed).max() + 1e-6)


def tune(length: int, chance: Generator) -> Sound:
    """A few plucked or held notes with overtones; peak 1."""
    seconds = np.arange(length) / RATE
    mixed = np.zeros(length)
    for _ in range(int(chance.integers(2, 14))):
        hertz = 55.0 * 2 ** (chance.integers(0, 48) / 12)
        age = seconds - chance.uniform(-0.3, seconds[-1])
        envelope = np.where(age > 0, np.exp(-np.maximum(age, 0) * chance.uniform(0.3, 6)), 0.0)
        for overtone in range(1, int(chance.integers(2, 7))):
            mixed += envelope * np.sin(2 * np.pi * hertz * overtone * seconds) / overtone
    return np.asarray(mixed / (np.abs(mixed).max() + 1e-6), np.float32)


def clicks(length: int, chance: Generator) -> Sound:
    """Keys, knocks, coughs: short bursts of filtered noise; peak 1."""
    mixed = np.zeros(length, np.float32)
    for _ in range(int(chance.integers(1, 15))):
        burst = int(chance.integers(60, 3_000))
        start = int(chance.integers(max(1, length - burst)))
        decay = np.exp(-np.arange(burst) / (burst * chance.uniform(0.05, 0.5)))
        mixed[start : start + burst] += (coloured_noise(burst, chance)[:burst] * decay)[: length - start]
    return mixed / (np.abs(mixed).max() + 1e-6)


def speechless(length: int, others: list[Sound], shelf: NoiseShelf, chance: Generator) -> Sound:
    """A sound without a word to write down."""
    kind = chance.random()
    if kind < 0.25:
        sound = shelf.noise(length)
    elif kind < 0.6:
        sound = babble(length, others, chance, int(chance.integers(5, 14)))
    elif kind < 0.75:
        sound = shelf.tune(length)
    elif kind < 0.9:
        sound = clicks(length, chance)
    else:
        sound = chance.standard_normal(length).astype(np.float32) * 1e-3
    if chance.random() < 0.4:
        sound = sound + shelf.noise(length) * chance.uniform(0.02, 0.5)
    faint = 10 ** (chance.uniform(-50.0, 0.0) / 20.0)
    return np.asarray(np.round(sound * faint / (np.abs(sound).max() + 1e-9) * 32_767) / 32_768, np.float32)
