"""The machines that are wanted, as values: pools of nodes, where they may stand, and who may reach them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kvx.secret import Secret

CONTROL_PLANE, GATEWAY = "control-plane", "gateway"
GATEWAY_TYPE = "cax11"
CLUSTER_LABEL, POOL_LABEL, NODE_LABEL = "kvx/cluster", "kvx/pool", "kvx/node"
CALLER = "caller"
"""In `allowed_addresses`: the address that this machine is seen with from outside."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A server type in a location, written `cax21@nbg1`."""

    type: str
    location: str

    def __str__(self) -> str:
        return f"{self.type}@{self.location}"


@dataclass(frozen=True, slots=True)
class Pool:
    """Nodes that are alike. `places` in the order they are tried, the wanted one first.

    `elsewhere`: no fallbacks were named, so the type's other locations will do.
    """

    name: str
    count: int
    places: tuple[Place, ...]
    labels: tuple[tuple[str, str], ...] = ()
    taints: tuple[str, ...] = ()
    volume_gb: int = 0
    elsewhere: bool = True


@dataclass(frozen=True, slots=True)
class Node:
    """One wanted node: `key` is POOL-N, `name` what the server is called at Hetzner."""

    key: str
    name: str
    pool: Pool


@dataclass(frozen=True, slots=True)
class HandedOn:
    """What Terraform takes and gives on to later layers unseen."""

    kubeconfig_path: str = ""
    kube_context: str = ""
    cpu_quota: str = "2000m"
    memory_quota: str = "4Gi"


@dataclass(frozen=True, slots=True)
class Fleet:
    """All that a cluster wants of Hetzner; the first pool holds the control planes, 1 or 3."""

    cluster: str
    pools: tuple[Pool, ...]
    image: str = "debian-12"
    network_zone: str = "eu-central"
    network_range: str = "10.0.0.0/16"
    subnet_range: str = "10.0.0.0/20"
    load_balancer: Place | None = None
    private_only: bool = False
    allowed_addresses: tuple[str, ...] = (CALLER,)
    web_addresses: tuple[str, ...] = ("0.0.0.0/0", "::/0")
    open_to_the_world: bool = False
    ssh_public_key: Path | None = None
    handed_on: HandedOn = HandedOn()

    @property
    def all_pools(self) -> tuple[Pool, ...]:
        """The pools, and that of the gateway through which nodes without public address go."""
        if not self.private_only:
            return self.pools
        wanted, *others = self.pools[0].places
        gateway = Pool(GATEWAY, 1, (Place(GATEWAY_TYPE, wanted.location), *others))
        return (*self.pools, gateway)

    @property
    def nodes(self) -> tuple[Node, ...]:
        """Every node, the gateway among them."""
        return tuple(self._nodes())

    def _nodes(self) -> Iterator[Node]:
        for pool in self.all_pools:
            for number in range(1, pool.count + 1):
                key = f"{pool.name}-{number}"
                yield Node(key, f"{self.cluster}-{key}", pool)


@dataclass(frozen=True, slots=True)
class Account:
    """The way to a Hetzner project; `endpoint` None means Hetzner itself."""

    token: Secret | None
    endpoint: str | None = None
    address_url: str = "https://ip.hetzner.com"
    """Answers with the address of the caller, as text."""
