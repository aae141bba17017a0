"""A set of hosts as data: which there are, what they are called, where they lie and how they are reached."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

STATE = Path("/var/lib/kvx-hosts")
CLUSTER_NAME = "kvx"
SERVER_POOL, AGENT_POOL = "control-plane", "workers"
SERVERS_OF_A_QUORUM = 3
# The first addresses of a network belong to its router.
FIRST_ADDRESS = 10


class Place(Protocol):
    """Where a host lies: all that its disk, its power and its control group need to know of it."""

    @property
    def fleet(self) -> int: ...
    @property
    def number(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def namespace(self) -> str: ...
    @property
    def folder(self) -> Path: ...
    @property
    def root(self) -> Path: ...


@dataclass(frozen=True, slots=True)
class Host:
    """One machine; `number` counts from 1 through the whole fleet, `node` is its name within the cluster."""

    fleet: int
    number: int
    node: str
    pool: str
    architecture: str

    @property
    def name(self) -> str:
        return f"{CLUSTER_NAME}-{self.node}"

    @property
    def namespace(self) -> str:
        """Its network namespace, control group and machine name."""
        return f"kvx-host{self.fleet}-{self.number}"

    @property
    def public_ip(self) -> str:
        return f"{public_network(self.fleet)}.{FIRST_ADDRESS + self.number}"

    @property
    def private_ip(self) -> str:
        return f"{private_network(self.fleet)}.{FIRST_ADDRESS + self.number}"

    @property
    def folder(self) -> Path:
        return Fleet(self.fleet, ()).folder / str(self.number)

    @property
    def root(self) -> Path:
        return self.folder / "root"


@dataclass(frozen=True, slots=True)
class Fleet:
    """All hosts that stand together. Fleets of different numbers do not see each other."""

    number: int
    hosts: tuple[Host, ...]

    @property
    def folder(self) -> Path:
        return STATE / f"fleet{self.number}"

    @property
    def key(self) -> Path:
        """The private key that opens every host to root."""
        return self.folder / "id_ed25519"

    @property
    def known_hosts(self) -> Path:
        return self.folder / "known_hosts"

    @property
    def inventory(self) -> Path:
        return self.folder / "inventory.yaml"

    @property
    def servers(self) -> tuple[Host, ...]:
        return tuple(host for host in self.hosts if host.pool == SERVER_POOL)

    @property
    def agents(self) -> tuple[Host, ...]:
        return tuple(host for host in self.hosts if host.pool == AGENT_POOL)

    def host(self, which: str) -> Host:
        """By number, name or node; KeyError for any other."""
        for host in self.hosts:
            if which in {str(host.number), host.name, host.node}:
                return host
        raise KeyError(which)


def public_network(fleet: int) -> str:
    """The first three bytes of the network on which hosts are reached and reach the world."""
    return f"10.98.{fleet}"


def private_network(fleet: int) -> str:
    """The first three bytes of the network that only the hosts of the fleet share."""
    return f"10.97.{fleet}"


def planned(number: int, count: int, architecture: str) -> Fleet:
    """From three hosts on, the first three are servers; below, the first alone."""
    servers = SERVERS_OF_A_QUORUM if count >= SERVERS_OF_A_QUORUM else 1
    nodes = [(SERVER_POOL, i) for i in range(1, servers + 1)]
    nodes += [(AGENT_POOL, i) for i in range(1, count - servers + 1)]
    hosts = (
        Host(number, i, f"{pool}-{place}", pool, architecture)
        for i, (pool, place) in enumerate(nodes, start=1)
    )
    return Fleet(number, tuple(hosts))


def standing(number: int) -> Fleet | None:
    """The fleet of that number as it was brought up, None where there is none."""
    path = Fleet(number, ()).folder / "fleet.json"
    if not path.is_file():
        return None
    return Fleet(number, tuple(Host(**host) for host in json.loads(path.read_text())))


def write_down(fleet: Fleet) -> None:
    """So that later commands find it; and the inventory, in the form terraform/inventory.tf hands over."""
    fleet.folder.mkdir(parents=True, exist_ok=True)
    (fleet.folder / "fleet.json").write_text(json.dumps([asdict(host) for host in fleet.hosts]))
    fleet.inventory.write_text(json.dumps(_inventory(fleet), indent=2))  # JSON is YAML


def _inventory(fleet: Fleet) -> dict[str, object]:
    groups: dict[str, object] = {
        "k3s_server": {"children": {"pool_control_plane": {}}},
        "k3s_agent": {"children": {"pool_workers": {}} if fleet.agents else {}},
        "pool_control_plane": {"hosts": {host.name: _variables(host) for host in fleet.servers}},
    }
    if fleet.agents:
        groups["pool_workers"] = {"hosts": {host.name: _variables(host) for host in fleet.agents}}
    everywhere = {
        "ansible_user": "root",
        "cluster_name": CLUSTER_NAME,
        "subnet_range": f"{private_network(fleet.number)}.0/24",
    }
    return {"all": {"vars": everywhere, "children": groups}}


def _variables(host: Host) -> dict[str, object]:
    return {
        "ansible_host": host.public_ip,
        "private_ip": host.private_ip,
        "node": host.node,
        "pool": host.pool,
        "server_type": "cax21" if host.architecture == "arm64" else "cpx22",
        "location": "nbg1",
        "architecture": host.architecture,
        "node_labels": {"kvx/pool": host.pool},
        "node_taints": [],
    }
