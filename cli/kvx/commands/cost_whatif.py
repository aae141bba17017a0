"""What other machines would cost and hold: money, capacity, and whether the pods still fit."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from kvx.commands.cost_basis import Costs, costs
from kvx.commands.cost_change import change_data, change_lines
from kvx.commands.machines import place_machines
from kvx.cost.advice import Standing
from kvx.cost.change import Change, change, present_of, wanted_of
from kvx.errors import ExitCode, KvxError
from kvx.machines.fleet import Fleet, Place, Pool
from kvx.machines.placement import Placed, Placement

if TYPE_CHECKING:
    from kvx.machines.catalogue import Catalogue
    from kvx.world import World


@dataclass(frozen=True, slots=True)
class Size:
    """What a fleet has: cores, and GB of memory, as Hetzner's list says."""

    nodes: int
    cores: int
    memory_gb: Decimal


@dataclass(frozen=True, slots=True)
class WhatIf:
    """The answer; `fits` is None where no cluster could be asked."""

    change: Change
    before: Size
    after: Size
    fits: bool | None
    minutes_per_core: Decimal | None = None
    """Of sound, in an hour: what kvx.toml says was measured."""

    @property
    def lines(self) -> Iterator[str]:
        yield from change_lines(self.change)
        yield f"Now: {_size(self.before)}. Then: {_size(self.after)}."
        if self.fits is None:
            yield "Whether the pods fit is not known: there is no cluster to ask."
        else:
            words = "fit, also with any one node down" if self.fits else "would not fit with one node down"
            yield f"All pods {words} (by the larger of request and use)."
        now, then = self._minutes(self.before), self._minutes(self.after)
        if now is None or then is None:
            yield "Minutes of sound an hour are not known: kvx bench voice measures, and then"
            yield "cost.minutes_per_core in kvx.toml says it."
        else:
            yield f"Minutes of sound an hour, all cores hearing at {self.minutes_per_core:f} each: {now} now,"
            yield f"{then} then. Another type may hear slower or faster."

    def _minutes(self, size: Size) -> int | None:
        return None if self.minutes_per_core is None else int(self.minutes_per_core * size.cores)

    @property
    def data(self) -> dict[str, object]:
        return {
            **change_data(self.change),
            "before": _size_data(self.before),
            "after": _size_data(self.after),
            "fits_with_one_node_down": self.fits,
            "minutes_of_sound_an_hour": [self._minutes(each) for each in (self.before, self.after)],
        }


def asked(type_name: str | None, nodes: int | None, pool: str, folder: Path | None, world: "World") -> WhatIf:
    """What `--type`, `--nodes` and `--pool` would change in the fleet of kvx.toml."""
    found = costs(folder, None, world, cluster=False)
    step = place_machines(found.plan)
    from kvx.drivers.hetzner_placing import known_catalogue

    catalogue = known_catalogue(step.account, step.fleet, world)
    fleet = _other(step.fleet, pool, type_name, nodes, catalogue)
    placement = _placed(fleet, catalogue, found, pool)
    basis = found.basis
    present = present_of(basis.histories, step.fleet.cluster)
    wanted = wanted_of(fleet, placement)
    standing = _standing(found, world)
    fits = None if standing is None else _fits(standing, placement, catalogue, fleet)
    types = [each.now.type for (kind, _), each in present.items() if kind == "server"]
    then = [placed.place.type for placed in placement.nodes.values()]
    measured = found.deployment.settings.cost.minutes_per_core
    return WhatIf(
        change(present, wanted, basis.prices),
        _of(types, catalogue),
        _of(then, catalogue),
        fits,
        None if measured is None else Decimal(str(measured)),
    )


def _other(
    fleet: Fleet, name: str, type_name: str | None, nodes: int | None, catalogue: "Catalogue"
) -> Fleet:
    if name not in {pool.name for pool in fleet.pools}:
        known = ", ".join(pool.name for pool in fleet.pools)
        raise KvxError(f"there is no pool {name}", f"--pool, one of {known}", ExitCode.USAGE)
    if type_name is not None and type_name not in catalogue.server_types:
        known = ", ".join(catalogue.server_types)
        raise KvxError(f"Hetzner has no server type {type_name}", f"--type, one of {known}", ExitCode.USAGE)
    pools = tuple(_pool(pool, type_name, nodes) if pool.name == name else pool for pool in fleet.pools)
    return replace(fleet, pools=pools)


def _pool(pool: Pool, type_name: str | None, nodes: int | None) -> Pool:
    first, *others = pool.places
    place = first if type_name is None else Place(type_name, first.location)
    return replace(pool, places=(place, *others), count=pool.count if nodes is None else nodes)


def _placed(fleet: Fleet, catalogue: "Catalogue", found: Costs, changed: str) -> Placement:
    """Where nodes stand that stand; others at the first place, in stock or not."""
    standing = {
        each.node_key: Place(each.now.type, each.now.location)
        for each in found.basis.histories
        if each.kind == "server" and each.end is None and each.cluster == fleet.cluster
    }
    places = {
        node.key: standing.get(node.key, node.pool.places[0])
        if node.pool.name != changed
        else node.pool.places[0]
        for node in fleet.nodes
    }
    return Placement({key: Placed(place, catalogue.architecture_of(place)) for key, place in places.items()})


def _standing(found: Costs, world: "World") -> Standing | None:
    from kvx.commands.cost_basis import standing_of

    return standing_of(found.deployment, found.basis, world)


def _fits(standing: Standing, placement: Placement, catalogue: "Catalogue", fleet: Fleet) -> bool:
    from kvx.cost.advice import movable, room_of
    from kvx.cost.packing import fit_with_one_down

    types = {node.name: catalogue.server_types[placement.nodes[node.key].place.type] for node in fleet.nodes}
    rooms = [room_of(name, kind, standing) for name, kind in types.items()]
    return fit_with_one_down(movable(standing), rooms)


def _of(types: list[str], catalogue: "Catalogue") -> Size:
    counted = Counter(types)
    cores = sum(catalogue.server_types[name].cores * count for name, count in counted.items())
    memory = sum(
        (Decimal(str(catalogue.server_types[name].memory_gb)) * count for name, count in counted.items()),
        Decimal(0),
    )
    return Size(len(types), cores, memory)


def _size(size: Size) -> str:
    nodes = "one node" if size.nodes == 1 else f"{size.nodes} nodes"
    return f"{nodes}, {size.cores} vCPU, {size.memory_gb.normalize():f} GB"


def _size_data(size: Size) -> dict[str, object]:
    return {"nodes": size.nodes, "cores": size.cores, "memory_gb": f"{size.memory_gb.normalize():f}"}
