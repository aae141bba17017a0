"""Lets engines hear the same sound in turn, and fresh ones to see their memory and first answer."""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from voice_api.bench.figures import Heard, Memory, Spread, Workload
from voice_api.bench.peers import Variant
from voice_api.bench.worker import Worker
from voice_api.errors import VoiceApiError

PAUSE_SECONDS = 0.05
"""Between two engines, for the threads of the one that was heard to fall asleep."""

SCREENING_ROUNDS = 3
FRESH_STARTS = 3

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Task:
    """A sound that is heard several times, as a file that workers read."""

    workload: Workload
    file: Path
    rounds: int


class Field:
    """Engines that are loaded, all of them at once, each in a process of its own."""

    def __init__(self, variants: Sequence[Variant], stack: ExitStack, tell: Tell) -> None:
        commands = {variant.command for variant in variants}
        self._workers = {}
        for command in sorted(commands, key=lambda each: each.argv):
            tell(f"loading {command.name}")
            self._workers[command] = stack.enter_context(Worker(command))
        self.variants = tuple(variants)

    @property
    def versions(self) -> dict[str, str]:
        return {
            name: text for worker in self._workers.values() for name, text in worker.about["versions"].items()
        }

    @property
    def builds(self) -> dict[str, str]:
        """What an engine says of how it was built, where it says anything."""
        return {
            command.name: worker.about["build"]
            for command, worker in self._workers.items()
            if worker.about["build"]
        }

    def alternate(self, variants: Sequence[Variant], task: Task) -> tuple[Heard, ...]:
        """Every variant hears the sound once a round, after a round that does not count."""
        times: dict[Variant, list[float]] = {variant: [] for variant in variants}
        last = {}
        for number in range(task.rounds + 1):
            for variant in variants:
                answer = self._workers[variant.command].ask(**_request(variant, task))
                times[variant] += [answer["milliseconds"]] if number else []
                last[variant] = answer
                time.sleep(PAUSE_SECONDS)
        return tuple(
            Heard(
                variant.name,
                task.workload,
                Spread(tuple(times[variant])),
                answer["tokens"],
                answer["text"],
                {},
            )
            for variant, answer in last.items()
        )

    def stages(self, variant: Variant, task: Task) -> dict[str, float]:
        """Medians of the stages of our own engine, and of the decode loop within onnxruntime; ms."""
        worker, request = self._workers[variant.command], _request(variant, task)
        answers = [worker.ask(**request, stages=True) for _ in range(task.rounds + 1)][1:]
        found = {
            name: Spread(tuple(answer["timings_ms"][name] for answer in answers)).median
            for name in answers[0]["timings_ms"]
        }
        within = Spread(tuple(sum(answer["onnxruntime_ms"]) for answer in answers)).median
        per_token = found["decode"] / max(1, answers[0]["tokens"])
        return found | {"decode within onnxruntime": within, "per token": per_token}


def _request(variant: Variant, task: Task) -> dict[str, object]:
    return {
        "sound": str(task.file),
        "tokens": task.workload.tokens,
        "audio_positions": variant.positions(task.workload.seconds),
        "trained": variant.trained,
    }


def refuse_unequal_work(heard: Sequence[Heard]) -> None:
    """Engines that wrote texts of different lengths cannot be compared; VoiceApiError says which."""
    if len({each.tokens for each in heard}) > 1:
        found = ", ".join(f"{each.engine}: {each.tokens}" for each in heard)
        fix = "compare with a model of random weights, such as --model random-tiny"
        raise VoiceApiError(
            "unequal_work", f"the engines wrote different numbers of tokens: {found}", fix, 500
        )


def fresh(variant: Variant, tasks: Sequence[Task], rounds: int = FRESH_STARTS) -> Memory:
    """Memory of processes that heard one sound only, and the time from start to the first answer."""
    after, firsts, loaded = {}, [], 0
    for task in tasks:
        with Worker(variant.command) as worker:
            loaded = worker.about["resident_bytes"]
            for _ in range(rounds):
                answer = worker.ask(**_request(variant, task))
        after[str(task.workload)] = (answer["resident_bytes"], answer["peak_bytes"])
    for _ in range(rounds):
        with Worker(variant.command) as worker:
            worker.ask(**_request(variant, tasks[0]))
            firsts.append((time.perf_counter() - worker.started_at) * 1e3)
    return Memory(variant.name, loaded, after, Spread(tuple(firsts)))
