"""What a journal tells of the last days: which functions, how often well, how often asked back. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

ASKED_BACK = frozenset({"NEEDS_CLARIFICATION"})
WRITTEN = frozenset({200, 201, 202})


@dataclass(frozen=True, slots=True)
class Statistics:
    """Counts of records since a moment; rates are parts of `turns`, None where there are none.

    functions  the most used first
    stages_ms  the median of each stage that was timed
    """

    turns: int
    functions: tuple[tuple[str, int], ...]
    success_rate: float | None
    clarification_rate: float | None
    writes: int
    unfinished: int
    security: int
    stages_ms: Mapping[str, float]


def statistics(records: Iterable[Mapping[str, Any]], since: float) -> Statistics:
    """Of all records at or after `since`."""
    kept = [each for each in records if float(each.get("time") or 0) >= since]
    turns = [each for each in kept if each.get("event") != "write" and "status" in each]
    before = [each for each in kept if each.get("stage") == "before"]
    after = [each for each in kept if each.get("stage") == "after"]
    answered = {each.get("command") for each in after}
    states = Counter(str(each.get("status")) for each in turns)
    used = Counter(str(each["function"]) for each in (*turns, *before) if each.get("function"))
    return Statistics(
        turns=len(turns),
        functions=tuple(used.most_common()),
        success_rate=_rate(states["SUCCESS"], len(turns)),
        clarification_rate=_rate(sum(states[each] for each in ASKED_BACK), len(turns)),
        writes=sum(each.get("status") in WRITTEN for each in after),
        unfinished=sum(each.get("command") not in answered for each in before),
        security=sum(each.get("security") is True for each in kept),
        stages_ms=_stages(kept),
    )


def _rate(some: int, of: int) -> float | None:
    return round(some / of, 4) if of else None


def _stages(records: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    timed: dict[str, list[float]] = {}
    for each in records:
        for stage, milliseconds in (each.get("timings_ms") or {}).items():
            timed.setdefault(str(stage), []).append(float(milliseconds))
    return {stage: round(sorted(values)[len(values) // 2], 3) for stage, values in sorted(timed.items())}
