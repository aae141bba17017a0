"""One run of measurements: every model, every engine, in turn on the same cores."""

import datetime
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

from voice_api.audio.decoding import AudioLimits, read_sound
from voice_api.bench.figures import Heard, ModelReport, Report, Spread, Workload
from voice_api.bench.machine import our_versions, this_machine
from voice_api.bench.markdown import OURS, TUNED
from voice_api.bench.measure import SCREENING_ROUNDS, Field, Task, fresh, refuse_unequal_work
from voice_api.bench.peer import timed
from voice_api.bench.peers import PACKAGES, POSITIONS_PER_SECOND, Variant, installed, variants
from voice_api.bench.probe import costs
from voice_api.bench.sounds import RECORDED_RATE, kept, recorded, spoken, wav
from voice_api.bench.subjects import Subject, subject
from voice_api.bench.worker import own_command
from voice_api.speech.protocol import SAMPLE_RATE
from voice_api.speech.threads import available_threads

WIDE = AudioLimits(max_seconds=60.0, min_sample_rate=8_000, max_sample_rate=192_000, max_channels=2)
TOKENS_PER_SECOND, TOKENS_AT_LEAST = 2.6, 2
"""How fast people speak: 15 tokens in 5 s, 80 in 30 s."""

FILE_ROUNDS = 9

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be measured; peers is the Python that has them, None compares with nobody."""

    models: Sequence[str]
    workloads: Sequence[Workload]
    rounds: int
    threads: int
    peers: str | None
    models_folder: Path
    work: Path


def survey(wish: Wish, tell: Tell) -> Report:
    """All measurements; VoiceApiError where a model or an engine cannot be measured."""
    threads = wish.threads or available_threads()
    missing = _missing(wish.peers)
    with pinned(threads):
        found = [_surveyed(name, wish, threads, tell) for name in wish.models]
    return Report(
        date=datetime.date.today().isoformat(),
        machine=this_machine(threads),
        versions=our_versions() | {name: text for _, versions in found for name, text in versions.items()},
        missing=missing,
        models=[report for report, _ in found],
    )


@contextmanager
def pinned(threads: int) -> Iterator[None]:
    """This process and all it starts on as many cores as there are threads, while the block lasts."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[:threads])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _missing(peers: str | None) -> tuple[str, ...]:
    if peers is None:
        return ("faster-whisper and whisper.cpp, which --peers compares with",)
    absent = [engine for engine in PACKAGES if engine not in installed(peers)]
    return tuple(f"{engine}, which {peers} does not have" for engine in absent)


def _surveyed(name: str, wish: Wish, threads: int, tell: Tell) -> tuple[ModelReport, dict[str, str]]:
    found = subject(name, wish.models_folder, wish.work, tell)
    tasks = [_task(_given(workload, found), wish) for workload in wish.workloads]
    ours = _ours(found, threads)
    others = _others(found, wish, threads, tell)
    heard: list[Heard] = []
    with ExitStack() as stack:
        field = Field([*ours, *others], stack, tell)
        for task in tasks:
            tell(f"{name}: {task.workload}")
            heard += [_staged(each, field, ours, task) for each in _compared(field, ours, others, task)]
        versions = field.versions
    tell(f"{name}: memory and first answers")
    short = [each for each in heard if each.workload == tasks[0].workload]
    best = {each.engine for each in _fastest_of_each(others, short)}
    watched = (ours[0], *(variant for variant in others if variant.name in best))
    memory = tuple(fresh(variant, tasks) for variant in watched)
    limits = costs(found.folder, round(tasks[0].workload.seconds * POSITIONS_PER_SECOND), threads)
    return ModelReport(name, tuple(heard), memory, limits), versions


def _task(workload: Workload, wish: Wish) -> Task:
    return Task(workload, kept(spoken(workload.seconds), wish.work), wish.rounds)


def _ours(found: Subject, threads: int) -> tuple[Variant, ...]:
    """Our engine; a random model also as if it were one that was trained on short sounds."""
    ours = Variant(OURS, "", own_command(found.folder, threads))
    return (ours, replace(ours, label=TUNED, trained=True)) if found.endless else (ours,)


def _given(workload: Workload, found: Subject) -> Workload:
    if workload.tokens is not None or not found.endless:
        return workload
    return replace(workload, tokens=TOKENS_AT_LEAST + round(TOKENS_PER_SECOND * workload.seconds))


def _others(found: Subject, wish: Wish, threads: int, tell: Tell) -> tuple[Variant, ...]:
    """The installed peers with the same weights; none where these are not at hand."""
    if wish.peers is None:
        return ()
    if found.checkpoint is None:
        tell(f"{found.name}: no model.safetensors beside it, so that no peer can have the same weights")
        return ()
    tell(f"{found.name}: converting its weights for peers")
    return tuple(variants(wish.peers, found.checkpoint, made_in(wish.work, found.name), threads))


def made_in(work: Path, name: str) -> Path:
    """Where what is made of a model is kept."""
    folder = work / re.sub(r"[^A-Za-z0-9._-]+", "_", name)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _compared(
    field: Field, ours: Sequence[Variant], others: Sequence[Variant], task: Task
) -> tuple[Heard, ...]:
    """Ours and the fastest variant of each peer in turn; the slower ones were heard a few times before."""
    others = [each for each in others if each.differs(task.workload.seconds)]
    screened = field.alternate(others, replace(task, rounds=SCREENING_ROUNDS)) if others else ()
    best = {each.engine for each in _fastest_of_each(others, screened)}
    heard = field.alternate([*ours, *(each for each in others if each.name in best)], task)
    if task.workload.tokens is not None:
        refuse_unequal_work((*heard, *screened))
    return (*heard, *(each for each in screened if each.engine not in best))


def _fastest_of_each(others: Sequence[Variant], heard: Sequence[Heard]) -> list[Heard]:
    by_name = {each.engine: each for each in heard}
    engines = dict.fromkeys(variant.engine for variant in others)
    return [
        min(
            (by_name[variant.name] for variant in others if variant.engine == engine),
            key=lambda each: each.milliseconds.median,
        )
        for engine in engines
    ]


def _staged(heard: Heard, field: Field, ours: Sequence[Variant], task: Task) -> Heard:
    """What our own engine heard, with the time of each stage."""
    variant = next((each for each in ours if each.name == heard.engine), None)
    if variant is None:
        return heard
    return replace(heard, stages={**_file_stages(np.load(task.file)), **field.stages(variant, task)})


def _file_stages(sound: NDArray[np.float32]) -> dict[str, float]:
    """Milliseconds that a file takes until it is samples."""
    plain, loud = wav(sound), recorded(sound)
    decoding = [timed(lambda: read_sound(plain, WIDE))[1] for _ in range(FILE_ROUNDS)]
    resampling = [
        timed(lambda: soxr.resample(loud, RECORDED_RATE, SAMPLE_RATE))[1] for _ in range(FILE_ROUNDS)
    ]
    return {
        "decode file": Spread(tuple(decoding)).median,
        "resample": Spread(tuple(resampling)).median,
    }
