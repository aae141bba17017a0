"""What of a node's price is whose: pods by what they asked for or use, the rest is idle.

Half of a node's price is for its processors and half for its memory. A pod has of each half its share of
what the node can give to pods, by the larger of its request and its use.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from kvx.cost.bill import rounded, total

_HALF = Decimal("0.5")
IDLE = "idle"


@dataclass(frozen=True, slots=True)
class PricedNode:
    """A node as Kubernetes knows it: cores and bytes for pods, and its net price a month."""

    name: str
    cores: Decimal
    memory: Decimal
    monthly: Decimal | None


@dataclass(frozen=True, slots=True)
class PlacedPod:
    """A pod on a node, and what it takes: the larger of request and use."""

    namespace: str
    workload: str
    name: str
    node: str
    cores: Decimal
    memory: Decimal


@dataclass(frozen=True, slots=True)
class Share:
    """One pod's part of a node, or its idle rest; `monthly` is None on a node without a price."""

    namespace: str
    workload: str
    pod: str
    node: str
    monthly: Decimal | None


@dataclass(frozen=True, slots=True)
class Shares:
    """All parts of all nodes: together exactly the nodes' prices."""

    parts: tuple[Share, ...]

    @property
    def monthly(self) -> Decimal | None:
        return total(each.monthly for each in self.parts)

    @property
    def idle(self) -> Decimal | None:
        return total(each.monthly for each in self.parts if each.namespace == IDLE)

    def by(self, part: Callable[[Share], str]) -> Mapping[str, Decimal | None]:
        """Sums by namespace, workload, pod or node."""
        groups: dict[str, list[Decimal | None]] = {}
        for each in self.parts:
            groups.setdefault(part(each), []).append(each.monthly)
        return {name: total(amounts) for name, amounts in sorted(groups.items())}


def shares(nodes: Iterable[PricedNode], pods: Iterable[PlacedPod]) -> Shares:
    """A pod on a node that is not among them costs nothing here: its node is not billed here."""
    on_node: dict[str, list[PlacedPod]] = {}
    for pod in pods:
        on_node.setdefault(pod.node, []).append(pod)
    return Shares(tuple(part for node in nodes for part in _parts(node, on_node.get(node.name, []))))


def _parts(node: PricedNode, pods: list[PlacedPod]) -> Iterator[Share]:
    """Where pods take more than there is, the node is theirs, each by its part of the sum."""
    cores = max(node.cores, sum((pod.cores for pod in pods), Decimal(0)))
    memory = max(node.memory, sum((pod.memory for pod in pods), Decimal(0)))
    left = node.monthly
    for pod in pods:
        part = None
        if node.monthly is not None and left is not None:
            share = _HALF * _of(pod.cores, cores) + _HALF * _of(pod.memory, memory)
            part = min(rounded(node.monthly * share), left)
            left -= part
        yield Share(pod.namespace, pod.workload, pod.name, node.name, part)
    yield Share(IDLE, IDLE, IDLE, node.name, left)


def _of(part: Decimal, whole: Decimal) -> Decimal:
    return part / whole if whole else Decimal(0)
