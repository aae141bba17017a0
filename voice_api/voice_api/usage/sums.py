"""What was used by whom of which engine, within some time; pure."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from voice_api.usage.amounts import Amounts

Row = tuple[str, str, int, int, int, int]
"""Engine, caller and the amounts in the order of Unit."""


@dataclass(frozen=True, slots=True)
class Sum:
    """One caller's use of one engine."""

    engine: str
    caller: str
    amounts: Amounts


def added(rows: Iterable[tuple[object, ...]]) -> tuple[Sum, ...]:
    """One sum for each engine and caller, by name."""
    sums: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for engine, caller, *amounts in rows:
        whole = sums[str(engine), str(caller)]
        whole[:] = [before + int(str(more)) for before, more in zip(whole, amounts, strict=True)]
    return tuple(Sum(engine, caller, Amounts(*sums[engine, caller])) for engine, caller in sorted(sums))


def amounts_of(each: Sum) -> tuple[int, int, int, int]:
    amounts = each.amounts
    return amounts.requests, amounts.milliseconds, amounts.characters, amounts.microeuros
