"""What understanding a sentence takes, and what hassil's own matcher takes for it among the same names."""

import itertools
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hassil

sys.path.insert(0, str(Path(__file__).parents[1] / "language"))

from population import population
from test_noise import noisy

from voice_api.cluster.protocol import Named
from voice_api.commands.core import looked_for
from voice_api.commands.language.check import interpreter
from voice_api.commands.language.meanings import Situation
from voice_api.commands.language.names import LiveNames, LiveObject
from voice_api.commands.language.understand import Interpreter, Understood

SENTENCES = {
    "describe {name} in {space}": "describe",
    "what is wrong with {name}": "what_is_wrong",
    "show me the logs of {name} in {space}": "logs",
    "what version is {name} running": "images",
    "rollout status of {name} in {space}": "rollout_status",
    "how often has {name} restarted": "restarts",
    "how many pods are in {space}": "count",
    "list the deployments in {space}": "list_deployments",
    "which pods are not ready in {space}": "unready_pods",
    "restart {name} in {space}": "restart",
    "scale {name} to five replicas": "scale",
    "pause the rollout of {name}": "pause_rollout",
}
NUMBERS = ("replicas", "more", "less", "revision", "lines")
MOST = 1_000
SEED = 11


@dataclass(frozen=True, slots=True)
class Meant:
    """What a sentence asks for; empty where it says nothing of it."""

    function: str
    name: str = ""
    space: str = ""

    def said_by(self, other: "Meant | None") -> bool:
        """Whether `other`, which may have found out more, has all of it right."""
        if other is None or other.function != self.function:
            return False
        pairs = ((self.name, other.name), (self.space, other.space))
        return all(wanted in {"", found} for wanted, found in pairs)


Understands = Callable[[str], Meant | None]
"""What is meant by what was heard, if anything is."""

HEADER = "| sentences | who | count | p50 ms | p99 | most | as it was meant |\n|---|---|---|---|---|---|---|"


def percentile(values: Sequence[float], percent: int) -> float:
    """The value that so many percent do not exceed."""
    return sorted(values)[max(0, -(-len(values) * percent // 100) - 1)]


def said(names: Sequence[Named], count: int) -> list[tuple[str, Meant]]:
    """So many sentences about deployments of these names, every kind of sentence in its turn."""
    chance, kinds = random.Random(SEED), list(SENTENCES.items())
    deployments = [each for each in names if each.kind == "deployment"]
    made = []
    for template, function in itertools.islice(itertools.cycle(kinds), count):
        named = chance.choice(deployments)
        space, name = (words.replace("-", " ") for words in (named.namespace, named.name))
        meant = Meant(
            function, named.name * ("{name}" in template), named.namespace * ("{space}" in template)
        )
        made.append((template.format(name=name, space=space), meant))
    return made


def ours(names: Sequence[Named], language: Interpreter) -> Understands:
    live = LiveNames(LiveObject(each.name, each.namespace, each.kind) for each in names)
    live.prepare(looked_for(language.functions))
    situation = Situation(live)

    def understood(heard: str) -> Meant | None:
        found = language.understand(heard, situation)
        if not isinstance(found, Understood):
            return None
        name, space = (str(found.calls[0].values.get(each, "")) for each in ("name", "namespace"))
        return Meant(found.calls[0].function.name, name, space)

    return understood


def plain_hassil(names: Sequence[Named], language: Interpreter) -> Understands:
    """hassil as its users have it: the same sentences, with live names and numbers in its own lists."""
    kinds = {"namespace": {"namespace"}, "node": {"node"}, "name": {"deployment", "pod"}}
    lists: dict[str, Any] = {
        slot: hassil.TextSlotList.from_tuples(_spoken(names, kind), allow_template=False, name=slot)
        for slot, kind in kinds.items()
    }
    lists |= {slot: hassil.RangeSlotList(name=slot, start=0, stop=MOST) for slot in NUMBERS}

    def understood(heard: str) -> Meant | None:
        found = hassil.recognize_best(heard, language.grammar.intents, slot_lists=lists)
        if found is None:
            return None
        values = {name: str(each.value) for name, each in found.entities.items()}
        return Meant(found.intent.name, values.get("name", ""), values.get("namespace", ""))

    return understood


def _spoken(names: Sequence[Named], kinds: set[str]) -> Iterator[tuple[str, str]]:
    found = {each.name for each in names if each.kind in kinds}
    return ((name.replace("-", " "), name) for name in sorted(found))


def timed(understands: Understands, heard: str) -> tuple[float, Meant | None]:
    """Milliseconds, and what was understood."""
    started = time.perf_counter()
    meant = understands(heard)
    return (time.perf_counter() - started) * 1000, meant


def rows(objects: int, sentences: int, rounds: int) -> Iterator[str]:
    """Rows of a table: of each sentence its first time, then the median of some; both are asked in turn."""
    names, language = population(objects), interpreter()
    both = {"kvx": ours(names, language), "hassil, `recognize_best`": plain_hassil(names, language)}
    clear, chance = said(names, sentences), random.Random(SEED)
    noise = [(noisy(heard, chance), meant) for heard, meant in clear]
    for template in SENTENCES:
        for asked in both.values():
            asked(template.format(name="checkout", space="shop"))
    for what, every in (("clear", clear), ("noisy", noise)):
        yield from _compared(what, both, every, rounds)


def _compared(
    what: str, both: Mapping[str, Understands], every: Sequence[tuple[str, Meant]], rounds: int
) -> Iterator[str]:
    first: dict[str, list[float]] = {who: [] for who in both}
    later: dict[str, list[float]] = {who: [] for who in both}
    right = dict.fromkeys(both, 0)
    for heard, meant in every:
        for who, asked in both.items():
            milliseconds, found = timed(asked, heard)
            first[who].append(milliseconds)
            right[who] += meant.said_by(found)
        again = [{who: timed(asked, heard)[0] for who, asked in both.items()} for _ in range(rounds)]
        for who in both:
            later[who].append(statistics.median(each[who] for each in again))
    for about, times in ((what, later), (f"{what}, at first", first)):
        yield from (_row(about, who, times[who], right[who]) for who in both)


def _row(what: str, who: str, times: list[float], right: int) -> str:
    median, high = statistics.median(times), percentile(times, 99)
    return (
        f"| {what} | {who} | {len(times)} | {median:.2f} | {high:.2f} | {max(times):.1f} "
        f"| {right / len(times):.0%} |"
    )
