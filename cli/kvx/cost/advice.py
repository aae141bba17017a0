"""What saves money: a node that can go, or can be a smaller type. Freed parts of a node save nothing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from kvx.cost.history import History
from kvx.cost.packing import Room, fit_with_one_down
from kvx.cost.prices import Prices
from kvx.cost.sharing import PlacedPod, PricedNode
from kvx.machines.catalogue import Catalogue, ServerType
from kvx.machines.fleet import CONTROL_PLANE, Place

DAEMON = "DaemonSet/"
_ADVISED = "with requests as the Vertical Pod Autoscaler advises: "
_AS_ADVISED = "kvx status shows the requests, set them first"


@dataclass(frozen=True, slots=True)
class Advice:
    """One saving, net a month; each is for itself, not one after the other."""

    words: str
    saves: Decimal
    command: str


@dataclass(frozen=True, slots=True)
class Standing:
    """A cluster as it runs: nodes with their prices, pods with what they take."""

    nodes: Sequence[PricedNode]
    pods: Sequence[PlacedPod]
    servers: Mapping[str, History]
    """By the name of the node."""
    advised: Sequence[PlacedPod] | None = None
    """The same pods with requests as the Vertical Pod Autoscaler advises; None where it says nothing."""


def advice(standing: Standing, catalogue: Catalogue, prices: Prices) -> tuple[Advice, ...]:
    """The largest saving first; control planes stay as they are.

    What only holds once requests are as the Vertical Pod Autoscaler advises says so, and comes beside.
    """
    found = list(_found(standing, catalogue, prices))
    if standing.advised is not None:
        known = {each.command for each in found}
        after = replace(standing, pods=standing.advised)
        found += [
            replace(each, words=f"{_ADVISED}{each.words}", command=f"{_AS_ADVISED}; then {each.command}")
            for each in _found(after, catalogue, prices)
            if each.command not in known
        ]
    return tuple(sorted(found, key=lambda each: -each.saves))


def _found(standing: Standing, catalogue: Catalogue, prices: Prices) -> Iterator[Advice]:
    yield from (*_without_a_node(standing), *_smaller(standing, catalogue, prices))


def rooms(standing: Standing, others: Mapping[str, ServerType] | None = None) -> list[Room]:
    """What each node has for pods that may move: daemons keep their part of each."""
    return [_room(node, standing, (others or {}).get(node.name)) for node in standing.nodes]


def movable(standing: Standing) -> list[PlacedPod]:
    """All but the daemons, which every node has."""
    return [pod for pod in standing.pods if not pod.workload.startswith(DAEMON)]


def _without_a_node(standing: Standing) -> Iterator[Advice]:
    for node in _workers(standing):
        left = [room for room in rooms(standing) if room.name != node.name]
        if node.monthly and fit_with_one_down(movable(standing), left):
            pool = standing.servers[node.name].pool
            words = f"without {node.name} all pods fit still, also with one more node down"
            yield Advice(words, node.monthly, f"in kvx.toml: one less in the pool {pool}; then kvx deploy")


def _smaller(standing: Standing, catalogue: Catalogue, prices: Prices) -> Iterator[Advice]:
    for node in _workers(standing):
        server = standing.servers[node.name]
        for kind in _cheaper(server, catalogue, prices):
            if fit_with_one_down(movable(standing), rooms(standing, {node.name: kind})):
                listed = prices.server(Place(kind.name, server.now.location)).monthly
                paid = server.monthly
                assert listed is not None  # noqa: S101  _cheaper has seen both
                assert paid is not None  # noqa: S101
                words = f"{node.name} as {kind.name} instead of {server.now.type}: all pods fit still"
                command = f'in kvx.toml: type = "{kind.name}" for the pool {server.pool}; then kvx deploy'
                yield Advice(words, paid - listed.net, command)
                break


def _cheaper(server: History, catalogue: Catalogue, prices: Prices) -> list[ServerType]:
    """Types of the same architecture that cost less than is paid, the cheapest first."""
    own, paid = catalogue.server_types.get(server.now.type), server.monthly
    if own is None or paid is None:
        return []
    found = []
    for kind in catalogue.server_types.values():
        listed = prices.server(Place(kind.name, server.now.location)).monthly
        if kind.architecture == own.architecture and listed is not None and listed.net < paid:
            found.append((listed.net, kind.name, kind))
    return [kind for _, _, kind in sorted(found, key=lambda each: each[:2])]


def _workers(standing: Standing) -> Iterator[PricedNode]:
    for node in standing.nodes:
        server = standing.servers.get(node.name)
        if server is not None and server.pool and server.pool != CONTROL_PLANE:
            yield node


def _room(node: PricedNode, standing: Standing, other: ServerType | None) -> Room:
    if other is not None:
        return room_of(node.name, other, standing)
    cores, memory = _daemons(node.name, standing)
    return Room(node.name, max(node.cores - cores, Decimal(0)), max(node.memory - memory, Decimal(0)))


def room_of(name: str, kind: ServerType, standing: Standing) -> Room:
    """A node of that type: a tenth of its memory is kept for the system, and the daemons have their part."""
    cores, memory = _daemons(name, standing)
    whole = Decimal(str(kind.memory_gb)) * 2**30 * Decimal("0.9")
    return Room(name, max(Decimal(kind.cores) - cores, Decimal(0)), max(whole - memory, Decimal(0)))


def _daemons(name: str, standing: Standing) -> tuple[Decimal, Decimal]:
    """What daemons take on a node; on one that does not stand yet, the most they take on any."""
    taken: dict[str, tuple[Decimal, Decimal]] = {}
    for pod in standing.pods:
        if pod.workload.startswith(DAEMON):
            cores, memory = taken.get(pod.node, (Decimal(0), Decimal(0)))
            taken[pod.node] = cores + pod.cores, memory + pod.memory
    most = (
        max((each[0] for each in taken.values()), default=Decimal(0)),
        max((each[1] for each in taken.values()), default=Decimal(0)),
    )
    is_there = any(node.name == name for node in standing.nodes)
    return taken.get(name, (Decimal(0), Decimal(0))) if is_there else most
