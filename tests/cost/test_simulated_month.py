"""A month of random events at the simulated Hetzner: kvx's bill equals what the simulation metered itself."""

import importlib.util
import random
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

import httpx
import pytest

from kvx.cost.bill import bill
from kvx.cost.times import Month
from kvx.drivers import costing

NOVEMBER = Month(2026, 11)
EVENTS = 300


def _month() -> ModuleType:
    """month.py beside this file."""
    spec = importlib.util.spec_from_file_location("cost_month", Path(__file__).with_name("month.py"))
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["cost_month"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MONTH = _month()


@pytest.mark.timeout(900)
def test_a_month_of_300_events_costs_what_the_simulation_metered(tmp_path: Path) -> None:
    """Seen after each event, from two days before the month to its end; the list is raised on the way."""
    chance = random.Random(20261101)
    begin = NOVEMBER.begin - 2 * 86_400
    pauses = [chance.expovariate(1) for _ in range(EVENTS)]
    scale = (NOVEMBER.end - begin - 40 * EVENTS) / sum(pauses) * 0.999
    happened: Counter[str] = Counter()
    with MONTH.project(tmp_path, begin) as on:
        for number, pause in enumerate(pauses):
            on.clock.now += 5 + pause * scale
            if number == EVENTS // 2:
                on.dearer()
            happened[MONTH.happen(on, chance)] += 1
            known = costing.known(on.account, tmp_path / "hetzner", NOVEMBER, on.world)
            assert known.stale is None, known.stale.message if known.stale else ""
        on.clock.now = float(NOVEMBER.end + 60)
        on.send("GET", "/locations")  # what was begun is settled
        histories = costing.known(on.account, tmp_path / "hetzner", NOVEMBER, on.world).histories
        beside = f"{on.address.removesuffix('/v1')}/_rehearsal/bill?month={NOVEMBER}"
        metered = httpx.get(beside).json()
    found = bill(histories, NOVEMBER, NOVEMBER.end, None)
    ours = Counter({key: int(group.net * 10_000) for key, group in _by_resource(found)})
    theirs: Counter[str] = Counter()
    for line in metered["lines"]:
        theirs[f"{line['kind']} {line['id']}"] += line["net"]
    assert +ours == +theirs
    assert found.net is not None
    assert int(found.net * 10_000) == metered["net"] > 1_000_000
    assert len(happened) >= 12, happened


def _by_resource(found):  # type: ignore[no-untyped-def]
    return found.by(lambda charge: f"{charge.kind} {charge.id}").items()
