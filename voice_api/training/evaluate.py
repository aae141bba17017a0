"""Examine a model folder through the product's own engine, and print the table of docs/embedded-model.md.

python voice_api/training/evaluate.py [FOLDER] [--clips 200]
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

from exam import Group, espeak_clips, festival_clips, with_noise, wordless_clips
from folder import PLACE
from sounds import split_lists

from voice_api.speech.protocol import TranscribeOptions
from voice_api.speech.whisper.confidence import Statistics
from voice_api.speech.whisper.engine import Whisper, load_whisper

SEED = 2_026
PLAIN = TranscribeOptions()


@dataclass(frozen=True, slots=True)
class Result:
    """One clip as the engine heard it; errors are words wrong, missing or too many."""

    voice: str
    text: str
    heard: str
    errors: int
    doubtful: bool
    statistics: Statistics

    @property
    def right(self) -> bool:
        return self.errors == 0


def word_errors(text: str, heard: str) -> int:
    """Edit distance in words."""
    expected, found = text.split(), heard.split()
    row = list(range(len(found) + 1))
    for number, word in enumerate(expected, 1):
        previous, row[0] = row[0], number
        for place, other in enumerate(found, 1):
            cost = min(row[place] + 1, row[place - 1] + 1, previous + (word != other))
            previous, row[place] = row[place], cost
    return row[-1]


def listen(engine: Whisper, clips: Group, options: TranscribeOptions = PLAIN) -> list[Result]:
    results = []
    for clip in clips:
        heard, statistics = engine.measure(clip.sound, options)
        errors = word_errors(clip.text, heard.text)
        results.append(Result(clip.voice, clip.text, heard.text, errors, heard.doubtful, statistics))
    return results


def word_error_rate(results: list[Result]) -> float:
    words = sum(len(result.text.split()) for result in results)
    return sum(result.errors for result in results) / max(1, words)


def row(name: str, results: list[Result]) -> str:
    kept = [result for result in results if not result.doubtful]
    right = sum(result.right for result in results) / len(results)
    kept_right = f"{sum(result.right for result in kept) / len(kept):7.1%}" if kept else "      -"
    return (
        f"| {name:42} | {len(results):5} | {word_error_rate(results):6.1%} | {right:6.1%} "
        f"| {len(kept) / len(results):6.1%} | {kept_right} |"
    )


def groups(clips: int) -> dict[str, Group]:
    """The examination by name; the festival texts are others than those calibrate.py fits to."""
    unseen = split_lists()["espeak"]["unseen_bases"]
    spoken = espeak_clips(SEED, clips)
    named = espeak_clips(SEED + 1, clips, "unseen")
    by_base: dict[bool, Group] = {True: [], False: []}
    for clip in spoken:
        by_base[clip.voice.split("+")[0] in unseen].append(clip)
    return {
        "espeak-ng, unseen voices": spoken,
        "  unseen variants of known bases": by_base[False],
        "  unseen variants of the unseen base": by_base[True],
        "espeak-ng, unseen voices, noise at 10 dB": with_noise(spoken, SEED + 2, 10.0),
        "espeak-ng, unseen voices, unseen names": named,
        "festival (never trained on), ked": festival_clips(SEED + 3, clips, "ked_diphone"),
        "festival, kal (used to calibrate)": festival_clips(SEED + 3, clips, "kal_diphone"),
        "festival, slt (speaker known by flite)": festival_clips(SEED + 3, clips, "cmu_us_slt_arctic_hts"),
        "festival, ked, unseen names": festival_clips(SEED + 4, clips, "ked_diphone", "unseen"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=PLACE)
    parser.add_argument("--clips", type=int, default=200, help="per group")
    parser.add_argument("--errors", action="store_true", help="print what was heard wrong")
    chosen = parser.parse_args()
    engine = load_whisper(chosen.folder, threads=1)
    print("| spoken by | clips | word errors | clips right | accepted | of these right |")
    print("|---|---|---|---|---|---|")
    for name, clips in groups(chosen.clips).items():
        results = listen(engine, clips)
        print(row(name, results), flush=True)
        for result in (result for result in results if chosen.errors and not result.right):
            doubt = " (doubtful)" if result.doubtful else ""
            print(f"    {result.voice}: {result.text} | {result.heard}{doubt}")
    silent = listen(engine, wordless_clips(SEED + 5))
    for kind in dict.fromkeys(result.voice for result in silent):
        words = [result.heard for result in silent if result.voice == kind and result.heard]
        accepted = sum(
            bool(result.heard) and not result.doubtful for result in silent if result.voice == kind
        )
        print(
            f"{kind}: {sum(result.voice == kind for result in silent)} clips, words in {len(words)}, "
            f"accepted {accepted} {words[:4]}"
        )


if __name__ == "__main__":
    main()
