"""Training batches: phrases spoken by training voices, placed in rooms and noise, as features."""

import pickle
import random
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from augment import Placed, disturbed, warped
from espeak import Espeak, Spoken
from features import SETTINGS, LogMel
from flite_cache import CACHE
from noise import RATE, NoiseShelf, Sound, speechless
from phrases import training_phrase
from tokens import END, NO_SPEECH, NO_TIMESTAMPS, START, load_tokenizer
from torch import Tensor

HERE = Path(__file__).parent
IGNORED = -100
POOL, BATCH_SECONDS, LONGEST_SECONDS = 224, 60.0, 9.9
FLITE_SHARE, SPEECHLESS_SHARE = 0.4, 0.05
FRAME_SECONDS = 2 * SETTINGS.hop_length / RATE


@dataclass(frozen=True, slots=True)
class Clip:
    sound: Sound
    text: str
    marks: tuple[tuple[float, str], ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """features [batch, bins, frames], tokens and targets [batch, length], phonemes [batch, frames / 2]."""

    features: Tensor
    tokens: Tensor
    targets: Tensor
    phonemes: Tensor


def split_lists() -> dict[str, dict[str, list[str]]]:
    return tomllib.loads((HERE / "voices.toml").read_text())


def phoneme_classes() -> dict[str, int]:
    names = (HERE / "phonemes.txt").read_text().split("\n")
    return {name: index for index, name in enumerate(names) if name}


def phoneme_class(name: str) -> str:
    """Stress and linking marks are no sounds of their own."""
    return name if name.startswith("flite") else name.strip("',%#-") or "_"


class Studio:
    """An endless source of batches; two with different seeds never make the same clip."""

    def __init__(self, seed: int) -> None:
        self._chance, self._numbers = random.Random(seed), np.random.default_rng(seed)
        self._espeak, self._voices = Espeak(), split_lists()["espeak"]
        self._flite = FliteShelf(self._chance)
        self._tokenizer, self._dropping = load_tokenizer(), load_tokenizer(dropout=0.1)
        self._mel, self._classes = LogMel(), phoneme_classes()
        self._noises = NoiseShelf(self._numbers)
        self._others: list[Sound] = []

    def batches(self) -> Iterator[Batch]:
        while True:
            clips = sorted(self._pool(), key=lambda clip: len(clip.sound))
            groups = list(_groups(clips))
            self._chance.shuffle(groups)
            yield from (self._batch(group) for group in groups)

    def _pool(self) -> list[Clip]:
        self._noises.renew()
        spoken = [self._spoken() for _ in range(POOL)]
        self._others = [placed.sound for _, placed in spoken[:40]]
        clips = [
            Clip(self._disturbed(placed.sound), text, placed.marks)
            for text, placed in spoken
            if len(placed.sound) < LONGEST_SECONDS * RATE
        ]
        for _ in range(int(POOL * SPEECHLESS_SHARE)):
            length = int(self._numbers.uniform(0.6, 5.0) * RATE)
            clips.append(Clip(speechless(length, self._others, self._noises, self._numbers), "", ()))
        return clips

    def _disturbed(self, sound: Sound) -> Sound:
        return disturbed(sound, self._others, self._noises, self._numbers)

    def _spoken(self) -> tuple[str, Placed]:
        if self._flite.ready and self._chance.random() < FLITE_SHARE:
            text, spoken = self._flite.take()
            return text, warped(spoken, self._numbers)
        phrase = training_phrase(self._chance)
        return phrase.written, warped(self._by_espeak(phrase.spoken), self._numbers)

    def _by_espeak(self, text: str) -> Spoken:
        base, variant = (self._chance.choice(self._voices[key]) for key in ("bases", "variants"))
        pitch, spread = self._chance.randint(10, 90), self._chance.randint(10, 90)
        rate = self._chance.randint(110, 240)
        return self._espeak.speak(text, f"{base}+{variant}" if variant else base, rate, pitch, spread)

    def _batch(self, clips: list[Clip]) -> Batch:
        hop = 2 * SETTINGS.hop_length
        length = -(-max(len(clip.sound) for clip in clips) // hop) * hop
        sounds = np.zeros((len(clips), length), np.float32)
        for row, clip in zip(sounds, clips, strict=True):
            row[: len(clip.sound)] = clip.sound
        features = self._mel(torch.from_numpy(sounds))
        phonemes = torch.full((len(clips), length // hop), IGNORED)
        for labels, clip in zip(phonemes, clips, strict=True):
            self._label(labels, clip)
        return Batch(self._masked(features), *self._texts(clips), phonemes)

    def _label(self, labels: Tensor, clip: Clip) -> None:
        if not clip.marks:
            return
        starts = np.array([start for start, _ in clip.marks])
        classes = np.array([self._classes.get(phoneme_class(name), IGNORED) for _, name in clip.marks])
        frames = min(len(labels), int(len(clip.sound) / RATE / FRAME_SECONDS))
        moments = (np.arange(frames) + 0.5) * FRAME_SECONDS
        spoken = np.searchsorted(starts, moments, side="right") - 1
        labels[:frames] = torch.from_numpy(classes[np.maximum(spoken, 0)])

    def _texts(self, clips: list[Clip]) -> tuple[Tensor, Tensor]:
        """The first target says whether there is speech at all; the second is the first word."""
        encoded = [self._encode(clip.text) for clip in clips]
        length = max(map(len, encoded)) + 2
        tokens = torch.full((len(clips), length), END)
        targets = torch.full((len(clips), length), IGNORED)
        for row, ids in enumerate(encoded):
            tokens[row, : len(ids) + 2] = torch.tensor([START, NO_TIMESTAMPS, *ids])
            first = NO_TIMESTAMPS if ids else NO_SPEECH
            targets[row, : len(ids) + 2] = torch.tensor([first, *ids, END])
        return tokens, targets

    def _encode(self, text: str) -> list[int]:
        tokenizer = self._dropping if self._chance.random() < 0.4 else self._tokenizer
        return list(tokenizer.encode(f" {text}").ids) if text else []

    def _masked(self, features: Tensor) -> Tensor:
        """SpecAugment, light: a band and two short moments take the mean."""
        for row in features:
            mean = float(row.mean())
            if self._chance.random() < 0.5:
                start = self._chance.randint(0, 74)
                row[start : start + self._chance.randint(1, 10)] = mean
            for _ in range(self._chance.randint(0, 2)):
                start = self._chance.randint(0, row.shape[1])
                row[:, start : start + self._chance.randint(1, 6)] = mean
        return features


class FliteShelf:
    """Utterances that flite_cache.py keeps; a shard is changed for another after one pass."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._left: list[tuple[str, str, Spoken]] = []

    @property
    def ready(self) -> bool:
        return bool(self._left) or any(CACHE.glob("*.pickle"))

    def take(self) -> tuple[str, Spoken]:
        if not self._left:
            shard = self._chance.choice(sorted(CACHE.glob("*.pickle")))
            self._left = pickle.loads(shard.read_bytes())  # noqa: S301 - written by flite_cache.py on this machine
            self._chance.shuffle(self._left)
        _, text, spoken = self._left.pop()
        return text, spoken


def _groups(clips: list[Clip]) -> Iterator[list[Clip]]:
    """Neighbours in length, as many as fill BATCH_SECONDS with the longest one's length."""
    group: list[Clip] = []
    for clip in clips:
        if group and (len(group) + 1) * len(clip.sound) / RATE > BATCH_SECONDS:
            yield group
            group = []
        group.append(clip)
    if len(group) > 4:
        yield group
