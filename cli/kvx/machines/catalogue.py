"""What Hetzner offers, and what stands in the project: values."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from kvx.machines.fleet import CLUSTER_LABEL, NODE_LABEL, Place

ARM, X86 = "arm", "x86"


@dataclass(frozen=True, slots=True)
class ServerType:
    """A kind of server. `locations`: where it is sold, and whether it is said to be in stock there."""

    name: str
    architecture: str
    cores: int
    memory_gb: float
    disk_gb: int
    locations: Mapping[str, bool]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What can be ordered. `locations`: name to network zone; `images`: (name, architecture), or unknown."""

    server_types: Mapping[str, ServerType]
    locations: Mapping[str, str]
    images: frozenset[tuple[str, str]] | None = None

    def architecture_of(self, place: Place) -> str:
        return self.server_types[place.type].architecture


@dataclass(frozen=True, slots=True)
class Resource:
    """Something that exists in the project.

    `kind` as in the address of the API without its s: server, load_balancer, volume, primary_ip,
    floating_ip, network, firewall, placement_group, ssh_key, image. `attached_to`: (kind, id) of what it
    is bound to. `monthly_net` is the list price, None where it is unknown, zero where nothing is billed.
    """

    kind: str
    id: int
    name: str
    labels: Mapping[str, str]
    created: str = ""
    status: str = ""
    type: str = ""
    location: str = ""
    architecture: str = ""
    size_gb: int = 0
    monthly_net: Decimal | None = Decimal(0)
    protected: bool = False
    attached_to: frozenset[tuple[str, int]] = frozenset()
    ranges: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    selectors: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()

    @property
    def node(self) -> str:
        """The key of the node it belongs to, empty for what belongs to none."""
        return self.labels.get(NODE_LABEL, "")

    @property
    def place(self) -> Place:
        return Place(self.type, self.location)

    def is_of(self, cluster: str) -> bool:
        return self.labels.get(CLUSTER_LABEL) == cluster

    def is_attached(self, other: "Resource") -> bool:
        return (other.kind, other.id) in self.attached_to


@dataclass(frozen=True, slots=True)
class Live:
    """Everything in the project at one moment, whoever it belongs to."""

    cluster: str
    resources: tuple[Resource, ...] = ()

    @property
    def ours(self) -> tuple[Resource, ...]:
        return tuple(each for each in self.resources if each.is_of(self.cluster))

    def of(self, kind: str) -> Iterator[Resource]:
        return (each for each in self.resources if each.kind == kind)

    def our(self, kind: str) -> Iterator[Resource]:
        return (each for each in self.ours if each.kind == kind)

    @property
    def nodes(self) -> Mapping[str, Resource]:
        """Our servers by the key of their node; one that is being deleted is gone."""
        return {each.node: each for each in self.our("server") if each.node and each.status != "deleting"}
