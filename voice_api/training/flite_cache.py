"""Keep flite's speech on disk: its voices are slow, so each utterance is heard several times, never alike.

python voice_api/training/flite_cache.py SEED UTTERANCES
"""

import pickle
import random
import sys
import tomllib
from pathlib import Path

from espeak import Spoken
from flite import load_flite
from phrases import training_phrase

CACHE = Path.home() / ".cache/kvx/training/flite"
SHARD = 300
PITCHES_HERTZ = {"cmu_us_awb": (90, 190), "cmu_us_rms": (70, 160), "cmu_us_slt": (130, 250)}


def main(seed: int, utterances: int) -> None:
    voices = tomllib.loads((Path(__file__).parent / "voices.toml").read_text())["flite"]["voices"]
    flite, chance = load_flite(tuple(voices)), random.Random(seed)
    CACHE.mkdir(parents=True, exist_ok=True)
    for number in range(utterances // SHARD):
        shard: list[tuple[str, str, Spoken]] = []
        while len(shard) < SHARD:
            phrase, voice = training_phrase(chance), chance.choice(voices)
            if len(phrase.spoken) > 90:
                continue
            pitch = chance.uniform(*PITCHES_HERTZ[voice])
            spoken = flite.speak(phrase.spoken, voice, chance.uniform(0.75, 1.35), pitch)
            shard.append((voice, phrase.written, spoken))
        place = CACHE / f"{seed}-{number:03}.pickle"
        partial = place.with_suffix(".partial")
        partial.write_bytes(pickle.dumps(shard))
        partial.rename(place)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
