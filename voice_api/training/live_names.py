"""What live names are good for: how they are heard when told beforehand, and what the resolver makes of them.

Also that names which nobody says do no harm. All clips are of the examination; what is told, too, was chosen
with other names and other voices.

python voice_api/training/live_names.py [FOLDER] [--clips 200]
"""

import argparse
import random
from collections import Counter
from itertools import groupby
from pathlib import Path

from evaluate import PLAIN, SEED, Result, listen, row, word_errors
from exam import espeak_clips, festival_clips, with_noise
from folder import PLACE
from phrases import language
from words import unseen_words

from voice_api.commands.resolve import Resolved, resolve
from voice_api.speech.protocol import TranscribeOptions
from voice_api.speech.whisper.engine import load_whisper

LIVE = 200


def spoken_name(text: str) -> tuple[list[str], list[str], list[str]]:
    """The words before the first name of unseen words, the name, and what follows it."""
    runs = [(unseen, list(words)) for unseen, words in groupby(text.split(), unseen_words().__contains__)]
    place = next(number for number, (unseen, _) in enumerate(runs) if unseen)
    before = [word for _, words in runs[:place] for word in words]
    return before, runs[place][1], [word for _, words in runs[place + 1 :] for word in words]


def heard_name(result: Result) -> str:
    """What stands in the name's place: what is left where the words around it fit best."""
    before, _, after = spoken_name(result.text)
    heard = result.heard.split()
    spans = [(start, end) for start in range(len(heard) + 1) for end in range(start + 1, len(heard) + 1)]

    def misfit(span: tuple[int, int]) -> tuple[int, int]:
        around = heard[: span[0]], heard[span[1] :]
        errors = sum(
            word_errors(" ".join(expected), " ".join(found))
            for expected, found in zip((before, after), around, strict=True)
        )
        return errors, span[1] - span[0]

    return " ".join(heard[slice(*min(spans, key=misfit))]) if spans else ""


def live_names(results: list[Result]) -> list[str]:
    """Every unseen word as a name, the names that are spoken, and known names up to LIVE."""
    spoken = ["-".join(spoken_name(result.text)[1]) for result in results]
    known = [name.replace(" ", "-") for name in language()["names"]]
    return list(dict.fromkeys([*sorted(unseen_words()), *spoken, *known]))[: max(LIVE, len(set(spoken)))]


def found(results: list[Result], live: list[str]) -> Counter[str]:
    """How many names are "right", "wrong", "asked" with the right one among the choices, or "lost"."""
    counts = Counter[str]()
    for result in results:
        meant = "-".join(spoken_name(result.text)[1])
        match resolve(heard_name(result), live):
            case Resolved(name):
                counts["right" if name == meant else "wrong"] += 1
            case unsure:
                counts["asked" if meant in unsure.candidates else "lost"] += 1
    return counts


def names_nobody_says(count: int) -> tuple[str, ...]:
    """Unseen words and pairs of them: in no sentence of the examination's known names."""
    chance, words = random.Random(SEED), sorted(unseen_words())
    pairs = ("-".join(chance.sample(words, 2)) for _ in range(10 * count))
    return tuple(dict.fromkeys([*words, *pairs]))[:count]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=PLACE)
    parser.add_argument("--clips", type=int, default=200, help="per group")
    chosen = parser.parse_args()
    engine = load_whisper(chosen.folder, threads=1)
    named = {
        "espeak-ng, unseen voices, unseen names": espeak_clips(SEED + 1, chosen.clips, "unseen"),
        "festival ked, unseen names": festival_clips(SEED + 4, chosen.clips, "ked_diphone", "unseen"),
    }
    for kind, clips in named.items():
        plainly = listen(engine, clips)
        live = live_names(plainly)
        print(row(f"{kind}, not told", plainly), dict(found(plainly, live)), flush=True)
        told = listen(engine, clips, TranscribeOptions(keywords=tuple(live)))
        print(row(f"{kind}, {len(live)} live names told", told), dict(found(told, live)), flush=True)
    spoken = espeak_clips(SEED, chosen.clips)
    plain = {
        "espeak-ng, unseen voices": spoken,
        "espeak-ng, unseen voices, noise at 10 dB": with_noise(spoken, SEED + 2, 10.0),
        "festival ked": festival_clips(SEED + 3, chosen.clips, "ked_diphone"),
    }
    for kind, clips in plain.items():
        for how, options in {
            "not told": PLAIN,
            "200 names nobody says": TranscribeOptions(keywords=names_nobody_says(200)),
        }.items():
            print(row(f"{kind}, {how}", listen(engine, clips, options)), flush=True)


if __name__ == "__main__":
    main()
