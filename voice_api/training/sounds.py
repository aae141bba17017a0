"""Training batches: phrases spoken by training voices, placed in rooms and noise, as features."""

import pickle
import random
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import espeakng_loader
import numpy as np
import torch
from accents import invented_accent
from augment import Placed, disturbed, warped
from espeak import Espeak, Spoken
from features import SETTINGS, LogMel
from flite_cache import CACHE
from noise import RATE, NoiseShelf, Sound, speechless
from phrases import training_phrase
from tokens import END, NO_SPEECH, NO_TIMESTAMPS, START, load_tokenizer
from torch import Tensor
from variants import InventedVariants
from vocoder import revoiced

HERE = Path(__file__).parent
IGNORED = -100
POOL, BATCH_SECONDS, LONGEST_SECONDS = 256, 70.0, 9.9
FLITE_SHARE, SPEECHLESS_SHARE = 0.3, 0.06
INVENTED_VOICE_SHARE, INVENTED_ACCENT_SHARE = 0.5, 0.12
REVOICED_SHARE = {"flite": 0.45, "espeak": 0.1}
INVENTED_VOICES, NEW_VOICES = 120, 12
RENEWAL_STEPS, CROWD = 8, 40
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
        self._folder = tempfile.TemporaryDirectory(prefix="kvx-voices-")
        data = Path(self._folder.name) / "espeak-ng-data"
        original = Path(espeakng_loader.get_data_path())
        self._invented = InventedVariants(original, data, INVENTED_VOICES, self._chance)
        self._espeak, self._voices = Espeak(data), split_lists()["espeak"]
        self._flite = FliteShelf(self._chance)
        self._tokenizer, self._dropping = load_tokenizer(), load_tokenizer(dropout=0.1)
        self._mel, self._classes = LogMel(), phoneme_classes()
        self._noises = NoiseShelf(self._numbers)
        self._others: list[Sound] = []

    def batches(self) -> Iterator[Batch]:
        """What is taken from the pool is made anew at once, so that no process waits for another."""
        pool: list[Clip] = []
        for number in count():
            if number % RENEWAL_STEPS == 0:
                self._noises.renew()
                self._invented.renew(NEW_VOICES)
            pool += self._clips(POOL - len(pool))
            pool.sort(key=lambda clip: len(clip.sound))
            taken = _neighbours(pool, self._chance.randrange(len(pool)))
            yield self._batch(pool[taken])
            del pool[taken]

    def _clips(self, wanted: int) -> list[Clip]:
        spoken = [self._spoken() for _ in range(wanted)]
        self._others = [*self._others, *(placed.sound for _, placed in spoken)][-CROWD:]
        return [self._clip(text, placed) for text, placed in spoken]

    def _clip(self, text: str, placed: Placed) -> Clip:
        if len(placed.sound) < LONGEST_SECONDS * RATE and self._chance.random() > SPEECHLESS_SHARE:
            return Clip(self._disturbed(placed.sound), text, placed.marks)
        length = int(self._numbers.uniform(0.6, 5.0) * RATE)
        return Clip(speechless(length, self._others, self._noises, self._numbers), "", ())

    def _disturbed(self, sound: Sound) -> Sound:
        return disturbed(sound, self._others, self._noises, self._numbers)

    def _spoken(self) -> tuple[str, Placed]:
        if self._flite.ready and self._chance.random() < FLITE_SHARE:
            text, spoken = self._flite.take()
            return text, self._placed(spoken, REVOICED_SHARE["flite"])
        phrase = training_phrase(self._chance)
        return phrase.written, self._placed(self._by_espeak(phrase.spoken), REVOICED_SHARE["espeak"])

    def _placed(self, spoken: Spoken, revoiced_share: float) -> Placed:
        placed = warped(spoken, self._numbers)
        if self._chance.random() < revoiced_share:
            return replace(placed, sound=revoiced(placed.sound, self._numbers))
        return placed

    def _by_espeak(self, text: str) -> Spoken:
        chance = self._chance
        base, variant = chance.choice(self._voices["bases"]), chance.choice(self._voices["variants"])
        if chance.random() < INVENTED_VOICE_SHARE:
            variant = self._invented.any()
        accent = invented_accent(chance).of if chance.random() < INVENTED_ACCENT_SHARE else None
        pitch, spread, rate = chance.randint(10, 90), chance.randint(10, 90), chance.randint(85, 230)
        voice = f"{base}+{variant}" if variant else base
        return self._espeak.speak(text, voice, rate, pitch, spread, accent=accent)

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


def _neighbours(clips: list[Clip], middle: int) -> slice:
    """Clips of like length around `middle`, as many as fill BATCH_SECONDS with the longest one's length."""
    first, last = middle, middle + 1
    while last - first < len(clips):
        longer = last < len(clips) and (first == 0 or last - middle <= middle - first)
        wider = slice(first, last + 1) if longer else slice(first - 1, last)
        if (last + 1 - first) * len(clips[wider.stop - 1].sound) / RATE > BATCH_SECONDS:
            break
        first, last = wider.start, wider.stop
    return slice(first, last)
