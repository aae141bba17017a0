"""What a plan changes of the machines that stand: what is made, made otherwise, and deleted."""

from collections.abc import Iterator
from dataclasses import dataclass

from kvx.machines.catalogue import Live, Resource
from kvx.machines.fleet import Fleet
from kvx.machines.placement import Placement


@dataclass(frozen=True, slots=True)
class Changes:
    """Names with what happens to them; only what is billed or lost counts."""

    made: tuple[str, ...] = ()
    otherwise: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()

    @property
    def any(self) -> bool:
        return bool(self.made or self.otherwise or self.deleted)

    @property
    def lines(self) -> tuple[str, ...]:
        return (
            *(f"make      {words}" for words in self.made),
            *(f"change    {words}" for words in self.otherwise),
            *(f"delete    {words}" for words in self.deleted),
        )


def changes(fleet: Fleet, placement: Placement | None, live: Live) -> Changes:
    """From what lives to what is wanted; without a placement each missing machine counts as made."""
    return Changes(
        made=(*_new_nodes(fleet, placement, live), *_new_volumes(fleet, live), *_new_balancer(fleet, live)),
        otherwise=tuple(_moved(fleet, placement, live)),
        deleted=(*_gone_nodes(fleet, live), *_gone_volumes(fleet, live), *_gone_balancers(fleet, live)),
    )


def _new_nodes(fleet: Fleet, placement: Placement | None, live: Live) -> Iterator[str]:
    for node in fleet.nodes:
        if node.key not in live.nodes:
            place = node.pool.places[0] if placement is None else placement.nodes[node.key].place
            yield f"{node.name}, {place}"


def _new_volumes(fleet: Fleet, live: Live) -> Iterator[str]:
    there = {volume.node for volume in live.our("volume")}
    for node in fleet.nodes:
        if node.pool.volume_gb and node.key not in there:
            yield f"a volume of {node.pool.volume_gb} GB for {node.name}"


def _new_balancer(fleet: Fleet, live: Live) -> Iterator[str]:
    if fleet.load_balancer is not None and not list(_fronts(fleet, live)):
        yield f"the load balancer {fleet.load_balancer}"


def _moved(fleet: Fleet, placement: Placement | None, live: Live) -> Iterator[str]:
    for node in fleet.nodes if placement is not None else ():
        server, placed = live.nodes.get(node.key), placement.nodes[node.key].place  # type: ignore[union-attr]
        if server is not None and server.place != placed:
            anew = "its disk is lost" if server.location != placed.location else "it is switched off for that"
            yield f"{node.name}, {server.place} becomes {placed}; {anew}"


def _gone_nodes(fleet: Fleet, live: Live) -> Iterator[str]:
    wanted = {node.key for node in fleet.nodes}
    for key, server in live.nodes.items():
        if key not in wanted:
            yield f"{server.name}, {server.place}; its disk is lost"


def _gone_volumes(fleet: Fleet, live: Live) -> Iterator[str]:
    wanted = {node.key for node in fleet.nodes if node.pool.volume_gb}
    for volume in live.our("volume"):
        if volume.node and volume.node not in wanted:
            yield f"the volume {volume.name} of {volume.size_gb} GB, with what it holds"


def _gone_balancers(fleet: Fleet, live: Live) -> Iterator[str]:
    if fleet.load_balancer is None:
        for balancer in _fronts(fleet, live):
            yield f"the load balancer {balancer.name}"


def _fronts(fleet: Fleet, live: Live) -> Iterator[Resource]:
    """Our own one: those that the cluster's controllers make have other names."""
    return (each for each in live.our("load_balancer") if each.name == fleet.cluster)
