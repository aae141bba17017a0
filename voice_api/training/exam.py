"""The clips that the model is examined with: voices, names and a synthesiser that training never uses."""

import random
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import soundfile
import soxr
from espeak import Espeak, Spoken
from numpy.random import Generator
from numpy.typing import NDArray
from phrases import Names, Phrase, command_phrase, language
from sounds import split_lists

RATE = 16_000
FESTIVAL_SECONDS = 600.0
Sound = NDArray[np.float32]
Group = list["ExamClip"]


@dataclass(frozen=True, slots=True)
class ExamClip:
    """voice: "gmw/en-US+f3", "festival ked_diphone"; text: what should be written, empty for no words."""

    voice: str
    text: str
    sound: Sound


def espeak_clips(seed: int, count: int, names: Names = "seen") -> Group:
    """Commands by unseen variants, and by the unseen base; two fifths are of the unseen base."""
    return espeak_says(partial(_fitting, names=names), seed, count)


def espeak_says(sentence: Callable[[random.Random], Phrase], seed: int, count: int) -> Group:
    """The same voices, with sentences of another kind."""
    chance, espeak, lists = random.Random(seed), Espeak(), split_lists()["espeak"]
    clips = []
    for number in range(count):
        base = chance.choice(lists["unseen_bases"] if number % 5 < 2 else lists["bases"])
        voice = f"{base}+{chance.choice(lists['unseen_variants'])}"
        phrase = sentence(chance)
        rate, pitch, spread = chance.randint(130, 210), chance.randint(25, 75), chance.randint(30, 70)
        spoken = espeak.speak(phrase.spoken, voice, rate, pitch, spread)
        clips.append(ExamClip(voice, phrase.written, recorded(spoken)))
    return clips


def festival_clips(seed: int, count: int, voice: str, names: Names = "seen") -> Group:
    """Commands by one voice of festival, in one run of it; needs Debian's festival and the voice."""
    return festival_says(partial(_fitting, names=names), seed, count, voice)


def festival_says(sentence: Callable[[random.Random], Phrase], seed: int, count: int, voice: str) -> Group:
    """The same voice, with sentences of another kind."""
    chance = random.Random(seed)
    phrases = [sentence(chance) for _ in range(count)]
    with tempfile.TemporaryDirectory() as folder:
        places = [Path(folder) / f"{number}.wav" for number in range(count)]
        script = Path(folder) / "speak.scm"
        stretches = [chance.uniform(0.9, 1.2) for _ in phrases]
        script.write_text("\n".join([f"(voice_{voice})", *map(_festival_line, phrases, places, stretches)]))
        command = ["/usr/bin/festival", "--batch", str(script)]
        subprocess.run(command, check=True, timeout=FESTIVAL_SECONDS)
        sounds = [_read(place) for place in places]
    found = zip(phrases, sounds, strict=True)
    return [ExamClip(f"festival {voice}", phrase.written, recorded(spoken)) for phrase, spoken in found]


def with_noise(clips: Group, seed: int, decibels: float) -> Group:
    """White, pink or brown noise, `decibels` below the speech; made in another way than in training."""
    random_numbers = np.random.default_rng(seed)
    return [ExamClip(clip.voice, clip.text, _noisy(clip.sound, random_numbers, decibels)) for clip in clips]


def recorded(spoken: Spoken) -> Sound:
    """16 kHz, half of full scale, 0.25 s of silence before and after."""
    samples = spoken.samples.astype(np.float64) / 32_768.0
    sound = soxr.resample(samples, spoken.sample_rate, RATE)
    silence = np.zeros(RATE // 4)
    whole = np.concatenate([silence, sound * (0.5 / max(1e-6, np.abs(sound).max())), silence])
    return np.asarray(np.round(whole * 32_767) / 32_768, np.float32)


def wordless_clips(seed: int) -> Group:
    """200 clips without a word: 20 silent, 60 of noise, 60 of babble, 60 of music."""
    random_numbers = np.random.default_rng(seed)
    speakers = ("kal_diphone", "ked_diphone")
    crowd = [clip.sound for voice in speakers for clip in festival_clips(seed, 20, voice)]
    makers: list[tuple[int, str, Callable[[int, Generator], Sound]]] = [
        (20, "silence", _silence),
        (60, "noise", _noise),
        (60, "babble", lambda length, numbers: _crowd(length, crowd, numbers)),
        (60, "music", _music),
    ]
    clips = []
    for count, kind, make in makers:
        for _ in range(count):
            length = int(random_numbers.uniform(1.0, 6.0) * RATE)
            loud = 10 ** (random_numbers.uniform(-30.0, -3.0) / 20) if kind != "silence" else 1.0
            clips.append(ExamClip(kind, "", np.asarray(make(length, random_numbers) * loud, np.float32)))
    return clips


def _fitting(chance: random.Random, names: Names) -> Phrase:
    """A phrase of at most 90 characters: what a person says in one breath, at most ten seconds."""
    while True:
        phrase = command_phrase(chance, names)
        holds_name = any(word in phrase.written.split() for word in _unseen_words())
        if len(phrase.spoken) <= 90 and (names == "seen" or holds_name):
            return phrase


def _unseen_words() -> set[str]:
    return {word for name in language()["unseen_names"] for word in name.split()}


def _festival_line(phrase: Phrase, place: Path, stretch: float) -> str:
    synthesise = f'(utt.synth (Utterance Text "{phrase.spoken}"))'
    return f"(Parameter.set 'Duration_Stretch {stretch:.2f})\n(utt.save.wave {synthesise} \"{place}\" 'riff)"


def _read(place: Path) -> Spoken:
    samples, sample_rate = soundfile.read(place, dtype="int16")
    return Spoken(samples, sample_rate, ())


def _noisy(sound: Sound, random_numbers: Generator, decibels: float) -> Sound:
    noise = _noise(len(sound), random_numbers).astype(np.float64)
    speech = np.square(sound[np.abs(sound) > 0.02]).mean()
    scaled = noise * np.sqrt(speech / np.square(noise).mean() / 10 ** (decibels / 10))
    return np.asarray(np.clip(sound + scaled, -1.0, 1.0), np.float32)


def _silence(length: int, random_numbers: Generator) -> Sound:
    hiss = random_numbers.choice([0.0, 1e-5, 1e-4])
    return np.asarray(hiss * random_numbers.normal(size=length), np.float32)


def _noise(length: int, random_numbers: Generator) -> Sound:
    """White, pink (Voss: sums of held values) or brown (a leaky walk); peak 1."""
    white = random_numbers.normal(size=length)
    kind = random_numbers.integers(3)
    if kind == 1:
        rows = [np.repeat(random_numbers.normal(size=-(-length // 2**n)), 2**n)[:length] for n in range(12)]
        white = np.sum(rows, axis=0)
    elif kind == 2:
        walk = np.cumsum(white)
        white = walk - np.convolve(walk, np.ones(801) / 801, mode="same")
    return np.asarray(white / np.abs(white).max(), np.float32)


def _crowd(length: int, voices: list[Sound], random_numbers: Generator) -> Sound:
    """Six to twelve sentences at once, at different tempos and places; peak 1."""
    mixed = np.zeros(length)
    for _ in range(int(random_numbers.integers(6, 13))):
        voice = voices[int(random_numbers.integers(len(voices)))]
        factor = random_numbers.uniform(0.75, 1.3)
        moved = np.interp(np.arange(0, len(voice) - 1, factor), np.arange(len(voice)), voice)
        repeated = np.tile(moved, length // len(moved) + 2)
        start = int(random_numbers.integers(len(moved)))
        mixed += repeated[start : start + length] * random_numbers.uniform(0.4, 1.0)
    return np.asarray(mixed / np.abs(mixed).max(), np.float32)


def _music(length: int, random_numbers: Generator) -> Sound:
    """Chords of saw, square or frequency-modulated tones in a beat, at times with drums; peak 1."""
    seconds = np.arange(length) / RATE
    beat = int(random_numbers.uniform(0.2, 0.7) * RATE)
    mixed = np.zeros(length)
    for start in range(0, length, beat):
        part = seconds[start : start + beat] - start / RATE
        fade = np.exp(-part * random_numbers.uniform(0.5, 5.0))
        for semitone in random_numbers.choice(36, int(random_numbers.integers(1, 5)), replace=False):
            phase = 110.0 * 2 ** (semitone / 12) * part
            saw, square = 2 * (phase % 1) - 1, np.sign(np.sin(2 * np.pi * phase))
            bell = np.sin(6 * phase + 3 * np.sin(9 * phase))
            mixed[start : start + beat] += (saw, square, bell)[int(random_numbers.integers(3))] * fade
        if random_numbers.random() < 0.5:
            mixed[start : start + beat] += random_numbers.normal(size=len(part)) * np.exp(-part * 60) * 2
    return np.asarray(mixed / np.abs(mixed).max(), np.float32)
