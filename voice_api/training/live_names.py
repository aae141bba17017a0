"""What live names are good for: how they are heard, and what the commands make of them.

Three ways to hear: without names; with names always favoured, as `keywords` are; and as commands are heard,
which is again with names where the sentence is not understood. Also that names which nobody says do no harm.
All clips are of the examination; what is told, too, was chosen with other names and other voices.

python voice_api/training/live_names.py [FOLDER] [--clips 200]
"""

import argparse
import random
import time
from collections import Counter, defaultdict
from itertools import groupby
from pathlib import Path

from evaluate import PLAIN, SEED, Result, listen, row, word_errors
from exam import Group, espeak_clips, espeak_says, festival_clips, festival_says, with_noise
from folder import PLACE
from phrases import language
from questions import EveryCommand, NamedCluster, question
from words import unseen_words

from voice_api.cluster.demo import DemoCluster
from voice_api.commands.core import CommandCore
from voice_api.commands.language import names as finding
from voice_api.commands.vocabulary import KINDS
from voice_api.speech.protocol import LiveNames, TranscribeOptions, Understanding
from voice_api.speech.whisper.engine import Whisper, load_whisper

LIVE = 200
KED = "ked_diphone"


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


def live_names(texts: list[str]) -> tuple[str, ...]:
    """Every unseen word as a name, the names that are spoken, and known names up to LIVE."""
    spoken = ["-".join(spoken_name(text)[1]) for text in texts]
    known = [name.replace(" ", "-") for name in language()["names"]]
    live = dict.fromkeys([*sorted(unseen_words()), *spoken, *known])
    return tuple(live)[: max(LIVE, len(set(spoken)))]


def found(results: list[Result], live: tuple[str, ...]) -> Counter[str]:
    """How many names are "right", "wrong", "asked" with the right one among the choices, or "lost"."""
    counts = Counter[str]()
    there = finding.LiveNames(finding.LiveObject(name, "", "namespace") for name in live)
    for result in results:
        meant = "-".join(spoken_name(result.text)[1])
        match there.find(heard_name(result), ("namespace",)):
            case finding.Found(each):
                counts["right" if each.name == meant else "wrong"] += 1
            case finding.Doubt(candidates=near):
                counts["asked" if meant in {each.name for each in near} else "lost"] += 1
    return counts


def answered(results: list[Result], live: tuple[str, ...]) -> Counter[str]:
    """What the command core does: answers what was asked, or something else; or as in found."""
    core, counts = CommandCore(NamedCluster(live)), Counter[str]()
    for result in results:
        meant, reply = core.answer(result.text), core.answer(result.heard)
        if reply.status == "SUCCESS":
            counts["right" if reply.intent == meant.intent else "wrong"] += 1
        else:
            offered = reply.data.get("candidates")
            name = meant.intent.arguments["namespace"] if meant.intent else None
            counts["asked" if isinstance(offered, list) and name in offered else "lost"] += 1
    return counts


def names_nobody_says(count: int) -> tuple[str, ...]:
    """Unseen words and pairs of them: in no sentence of the examination's known names."""
    chance, words = random.Random(SEED), sorted(unseen_words())
    pairs = ("-".join(chance.sample(words, 2)) for _ in range(10 * count))
    return tuple(dict.fromkeys([*words, *pairs]))[:count]


def with_live(names: tuple[str, ...], understanding: Understanding) -> TranscribeOptions:
    return TranscribeOptions(live=LiveNames(names, understanding))


def of_product(names: tuple[str, ...]) -> TranscribeOptions:
    """As POST /v1/commands listens in a cluster where all of these are namespaces."""
    return with_live(names, CommandCore(NamedCluster(names)).understanding(names))


def named(engine: Whisper, clips: int) -> None:
    """Names that no training text holds, in questions that the product knows, then in any command."""
    asked = {
        "espeak-ng, unseen names, questions": espeak_says(question, SEED + 5, clips),
        "festival ked, unseen names, questions": festival_says(question, SEED + 6, clips, KED),
    }
    for kind, group in asked.items():
        live = live_names([clip.text for clip in group])
        for how, options in ways(live, of_product(live)).items():
            results = listen(engine, group, options)
            print(row(f"{kind}, {how}", results), dict(answered(results, live)), flush=True)
    any_command = {
        "espeak-ng, unseen names": espeak_clips(SEED + 1, clips, "unseen"),
        "festival ked, unseen names": festival_clips(SEED + 4, clips, KED, "unseen"),
    }
    for kind, group in any_command.items():
        live = live_names([clip.text for clip in group])
        places = (*live, *(name.replace(" ", "-") for name in language()["namespaces"] + language()["nodes"]))
        every = with_live(live, EveryCommand(places))
        for how, options in {**ways(live, of_product(live)), "were all commands known": every}.items():
            results = listen(engine, group, options)
            print(row(f"{kind}, {how}", results), dict(found(results, live)), flush=True)


def ways(live: tuple[str, ...], again: TranscribeOptions) -> dict[str, TranscribeOptions]:
    return {"without": PLAIN, "always": TranscribeOptions(keywords=live), "as commands": again}


def harmless(engine: Whisper, clips: int) -> None:
    """Sentences that name none of the live names; and the demo cluster's own names, which are known words."""
    spoken = espeak_clips(SEED, clips)
    groups = {
        "espeak-ng": spoken,
        "espeak-ng, noise at 10 dB": with_noise(spoken, SEED + 2, 10.0),
        "festival ked": festival_clips(SEED + 3, clips, KED),
    }
    demo = DemoCluster()
    demo_names = tuple(
        dict.fromkeys(each.name for kind in KINDS for each in demo.named() if each.kind == kind)
    )
    demo_understood = CommandCore(demo).understanding(tuple(each.name for each in demo.namespaces()))
    nobody = names_nobody_says(LIVE)
    for kind, group in groups.items():
        plain = listen(engine, group)
        for how, options in {
            "without": PLAIN,
            "always, nobody's": TranscribeOptions(keywords=nobody),
            "as commands, nobody's": of_product(nobody),
            "always, demo": TranscribeOptions(keywords=demo_names),
            "as commands, demo": with_live(demo_names, demo_understood),
        }.items():
            results = listen(engine, group, options)
            changed = [pair for pair in zip(plain, results, strict=True) if pair[0].heard != pair[1].heard]
            worse = sum(now.errors > before.errors for before, now in changed)
            told = f"{len(changed)} heard otherwise, {worse} of them worse"
            print(row(f"{kind}, {how}", results), told, flush=True)


def cost(engine: Whisper, group: Group, live: tuple[str, ...]) -> None:
    """Median milliseconds of a hearing, by what came of the names."""
    plain, named_ms = [], defaultdict[str, list[float]](list)
    for clip in group:
        for options in (PLAIN, of_product(live)):
            started = time.perf_counter()
            heard = engine.transcribe(clip.sound, options)
            took = (time.perf_counter() - started) * 1e3
            (named_ms[heard.names] if heard.names else plain).append(took)
    print(f"without names {sorted(plain)[len(plain) // 2]:.1f} ms, {len(plain)} clips")
    for outcome, values in named_ms.items():
        print(f"{outcome} {sorted(values)[len(values) // 2]:.1f} ms, {len(values)} clips")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=PLACE)
    parser.add_argument("--clips", type=int, default=200, help="per group")
    chosen = parser.parse_args()
    engine = load_whisper(chosen.folder, threads=1)
    named(engine, chosen.clips)
    harmless(engine, chosen.clips)
    asked = espeak_says(question, SEED + 5, chosen.clips)
    cost(engine, asked, live_names([clip.text for clip in asked]))


if __name__ == "__main__":
    main()
