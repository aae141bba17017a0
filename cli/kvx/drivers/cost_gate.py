"""What a deploy changes in the price of a month: by what stands now, at what it was ordered for."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

from kvx.cost.change import Change, change, present_of, wanted_of
from kvx.cost.history import BILLED, SIZED, History, Spell, Terms
from kvx.cost.prices import Prices
from kvx.cost.sighting import rate_of
from kvx.drivers import cost_ledger
from kvx.drivers.costing import ledger_of
from kvx.machines.catalogue import Live, Resource
from kvx.machines.fleet import Fleet
from kvx.machines.placement import Placement


def change_of(fleet: Fleet, placement: Placement, live: Live, prices: Prices, folder: Path | None) -> Change:
    """From what carries the cluster's label to the fleet; `folder` holds the ledger, where there is one."""
    present = present_of(_standing(live, prices, folder), live.cluster)
    return change(present, wanted_of(fleet, placement), prices)


def _standing(live: Live, prices: Prices, folder: Path | None) -> Iterator[History]:
    """As the ledger knows it; what it does not know is priced by the list."""
    ledger = cost_ledger.read(ledger_of(folder), 0) if folder is not None else cost_ledger.Ledger()
    known = {each.key: each for each in ledger.histories if each.end is None}
    for each in live.ours:
        if each.kind in BILLED:
            before = known.get((each.kind, each.id))
            same = before is not None and (before.now.type, before.now.location) == _place(each)
            yield before if before is not None and same else _listed(each, prices)


def _place(resource: Resource) -> tuple[str, str]:
    return "" if resource.kind in SIZED else resource.type, resource.location


def _listed(resource: Resource, prices: Prices) -> History:
    type_name, location = _place(resource)
    rate = rate_of(resource.kind, type_name, location, prices)
    terms = Terms(type_name, location, rate, Decimal(resource.size_gb if resource.kind in SIZED else 0))
    spells = (Spell(0, None, terms),)
    return History(resource.kind, resource.id, resource.name, resource.labels, spells)
