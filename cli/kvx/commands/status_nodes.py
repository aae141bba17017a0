"""Nodes for a status: how each is, and what it costs where kvx has made it."""

from dataclasses import dataclass
from decimal import Decimal

from kvx.cluster.overview import Objects
from kvx.cost.of_nodes import MonthSoFar, Standing, month_so_far
from kvx.cost.prices import Prices
from kvx.machines.fleet import Place
from kvx.nodes.inventory import Host, Inventory
from kvx.nodes.living import LivingNode, living_node


@dataclass(frozen=True, slots=True)
class NodeLine:
    """One node; place and price are None where kvx did not make its machine, or the price is not known."""

    name: str
    ready: bool
    architecture: str
    version: str
    reasons: tuple[str, ...]
    schedulable: bool
    place: str | None
    monthly_net: Decimal | None


def node_lines(
    nodes: Objects | None, inventory: Inventory | None, prices: Prices
) -> tuple[NodeLine, ...] | None:
    """As Kubernetes lists them, by name; None where it could not be asked."""
    if nodes is None:
        return None
    hosts = _hosts(inventory)
    living = sorted(map(living_node, nodes), key=lambda node: node.name)
    return tuple(_line(node, hosts.get(node.name), prices) for node in living)


def cost_of(
    nodes: Objects | None, inventory: Inventory | None, prices: Prices, now: float
) -> MonthSoFar | None:
    """Of the machines that kvx has made, since their nodes are there; None without any."""
    if inventory is None:
        return None
    made = {node.name: node.created for node in map(living_node, nodes or ())}
    machines = [
        Standing(
            host.name, Place(host.server_type, host.location), host.jump_host is None, made.get(host.name)
        )
        for host in inventory.hosts
    ]
    return month_so_far(machines, prices, now)


def _hosts(inventory: Inventory | None) -> dict[str, Host]:
    return {host.name: host for host in inventory.hosts} if inventory else {}


def _line(node: LivingNode, host: Host | None, prices: Prices) -> NodeLine:
    rate = prices.server(Place(host.server_type, host.location)) if host else None
    return NodeLine(
        node.name,
        node.ready,
        node.architecture,
        node.version,
        node.reasons,
        node.schedulable,
        place=host.place or None if host else None,
        monthly_net=rate.monthly.net if rate and rate.monthly else None,
    )
