"""The machines of the inventory beside the nodes of the cluster: one line for each name."""

from collections.abc import Sequence
from dataclasses import dataclass

from kvx.nodes.inventory import Host, Inventory
from kvx.nodes.living import LivingNode


@dataclass(frozen=True, slots=True)
class Node:
    """One name, as the inventory and as the cluster have it; None where it is not known there."""

    name: str
    host: Host | None
    living: LivingNode | None

    @property
    def role(self) -> str:
        if self.host is not None:
            return self.host.role
        return "server" if self.living is not None and self.living.is_server else "agent"

    @property
    def is_node(self) -> bool:
        """A gateway is a machine of the cluster and no node of Kubernetes."""
        return self.role != "gateway"


@dataclass(frozen=True, slots=True)
class Overview:
    """All of a cluster; `answered` is False where only the inventory could be asked, `api` who answered."""

    cluster: str
    nodes: tuple[Node, ...]
    answered: bool
    api: str | None = None

    @property
    def not_joined(self) -> tuple[Node, ...]:
        """In the inventory, and not in the cluster."""
        return tuple(node for node in self.nodes if self.answered and node.is_node and node.living is None)

    @property
    def strangers(self) -> tuple[Node, ...]:
        """In the cluster, and not in the inventory: an autoscaler's, or left over."""
        return tuple(node for node in self.nodes if node.host is None)

    @property
    def not_ready(self) -> tuple[Node, ...]:
        return tuple(node for node in self.nodes if node.living is not None and not node.living.ready)

    @property
    def is_whole(self) -> bool:
        """Whether Kubernetes has answered, and knows the same names as the inventory."""
        return self.answered and not self.not_joined and not self.strangers


def overview(inventory: Inventory, living: Sequence[LivingNode] | None, api: str | None = None) -> Overview:
    """In the order of the inventory, then the others by name; `living` is None without an answer."""
    by_name = {node.name: node for node in living or ()}
    ours = [Node(host.name, host, by_name.pop(host.name, None)) for host in inventory.hosts]
    others = [Node(name, None, node) for name, node in sorted(by_name.items())]
    return Overview(inventory.cluster, (*ours, *others), living is not None, api)
