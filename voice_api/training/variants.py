"""Speakers that nobody made: random variants of espeak-ng's voices, in a private copy of its data."""

import random
import shutil
from pathlib import Path

VARIANTS = Path("voices/!v")
NOT_NEEDED = ("mb", "roa", "zle", "inc", "sit", "poz", "dra", "bat", "zls", "zlw", "trk", "urj", "sem", "cel")
"""Other languages: espeak-ng lists 350 voices at most."""


class InventedVariants:
    """Variant files "invented0", "invented1", ... in a copy of espeak-ng's data at `place`."""

    def __init__(self, original: Path, place: Path, count: int, chance: random.Random) -> None:
        self._place, self._count, self._chance = place, count, chance
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(original, place, ignore=shutil.ignore_patterns(*NOT_NEEDED))
        for number in range(count):
            self._invent(number)

    def renew(self, count: int) -> None:
        for number in self._chance.sample(range(self._count), count):
            self._invent(number)

    def any(self) -> str:
        return f"invented{self._chance.randrange(self._count)}"

    def _invent(self, number: int) -> None:
        lines = ["language variant", f"name invented{number}", *variant(self._chance)]
        (self._place / VARIANTS / f"invented{number}").write_text("\n".join(lines) + "\n")


def variant(chance: random.Random) -> list[str]:
    """Lines of a variant file: throat, pitch, breath, roughness, method, stress, each by chance."""
    low = round(70 * 2 ** chance.uniform(0, 1.7))
    lines = [f"pitch {low} {round(low * chance.uniform(1.15, 1.9))}", *_formants(chance)]
    choices = {
        f"klatt {chance.randint(1, 5)}": 0.3,
        f"roughness {chance.randint(0, 5)}": 0.5,
        f"flutter {chance.randint(0, 6)}": 0.4,
        f"voicing {chance.randint(60, 230)}": 0.6,
        f"consonants {chance.randint(50, 150)} {chance.randint(50, 150)}": 0.6,
        f"intonation {chance.randint(1, 4)}": 0.4,
        f"echo {chance.randint(10, 150)} {chance.randint(5, 35)}": 0.12,
        "breath " + " ".join(str(chance.randint(0, 4)) for _ in range(8)): 0.2,
        "stressAdd " + " ".join(str(10 * chance.randint(-2, 14)) for _ in range(8)): 0.3,
        "stressAmp " + " ".join(str(chance.randint(14, 26)) for _ in range(8)): 0.3,
        _tone(chance): 0.5,
    }
    return lines + [line for line, share in choices.items() if chance.random() < share]


def _formants(chance: random.Random) -> list[str]:
    """Frequency, height and width in hundredths of the voice's own."""
    throat, spread = chance.uniform(0.84, 1.2), chance.uniform(0.0, 0.06)
    lines = []
    for number in range(9):
        moved = 100 * throat * chance.gauss(1.0, spread)
        height, width = chance.uniform(50, 140), chance.uniform(50, 180)
        lines.append(f"formant {number} {moved:.0f} {height:.0f} {width:.0f}")
    return lines


def _tone(chance: random.Random) -> str:
    """Pairs of hertz and level: an equaliser."""
    hertz = sorted(chance.sample(range(100, 4_500, 50), 4))
    return "tone " + " ".join(f"{place} {chance.randint(20, 255)}" for place in hertz)
