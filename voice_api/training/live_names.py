"""What becomes of a misheard name: whether the commands' own resolver finds it among a cluster's live names.

python voice_api/training/live_names.py [FOLDER] [--clips 200]
"""

import argparse
from collections import Counter
from itertools import groupby
from pathlib import Path

from evaluate import SEED, Result, listen, word_errors
from exam import espeak_clips, festival_clips
from folder import PLACE
from phrases import language
from words import unseen_words

from voice_api.commands.resolve import Resolved, resolve
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


def found(results: list[Result]) -> Counter[str]:
    """How many names are "right", "wrong", "asked" with the right one among the choices, or "lost"."""
    live, counts = live_names(results), Counter[str]()
    for result in results:
        meant = "-".join(spoken_name(result.text)[1])
        match resolve(heard_name(result), live):
            case Resolved(name):
                counts["right" if name == meant else "wrong"] += 1
            case unsure:
                counts["asked" if meant in unsure.candidates else "lost"] += 1
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=PLACE)
    parser.add_argument("--clips", type=int, default=200, help="per group")
    chosen = parser.parse_args()
    engine = load_whisper(chosen.folder, threads=1)
    for kind, clips in (
        ("espeak-ng, unseen voices", espeak_clips(SEED + 1, chosen.clips, "unseen")),
        ("festival, ked", festival_clips(SEED + 4, chosen.clips, "ked_diphone", "unseen")),
    ):
        results = listen(engine, clips)
        print(f"{kind}: {dict(found(results))} among {len(live_names(results))} live names")


if __name__ == "__main__":
    main()
