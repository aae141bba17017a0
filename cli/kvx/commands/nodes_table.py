"""Nodes in words: a head, a row for each, what is worth knowing below it; and the same for programs."""

from collections.abc import Iterator, Sequence

from kvx.commands.table import Table
from kvx.errors import ExitCode, KvxError
from kvx.nodes.overview import Node, Overview

_HEAD = ("node", "state", "k3s", "age", "place", "address")
_BESIDE = 4


def lines_of(found: Overview, now: float, width: int | None = None) -> list[str]:
    """The whole, no wider than a terminal of `width` where that can be had."""
    table = Table(_HEAD, [_cells(node, found, now) for node in found.nodes], _BESIDE, width)
    lines = [_head(found), "", *table.row(_HEAD)]
    for node, cells in zip(found.nodes, table.rows, strict=True):
        lines += [*table.row(cells), *(f"      {remark}" for remark in _remarks(node))]
    return lines


def whats_missing(found: Overview) -> KvxError | None:
    """That inventory and cluster do not agree, with the fix; None where they do."""
    if found.not_joined:
        names = ", ".join(node.name for node in found.not_joined)
        message = f"in the inventory and not in the cluster: {names}"
        return KvxError(message, "kvx ansible, which lets them join", ExitCode.INCOMPLETE)
    if found.strangers:
        names = ", ".join(node.name for node in found.strangers)
        message = f"in the cluster and not in the inventory: {names}"
        fix = "kvx ansible takes out what it once let join; what an autoscaler made is the autoscaler's"
        return KvxError(message, fix, ExitCode.INCOMPLETE)
    return None


def node_data(node: Node, found: Overview, now: float) -> dict[str, object]:
    """A node for programs; what is not known is null."""
    host, living = node.host, node.living
    return {
        "name": node.name,
        "role": node.role,
        "pool": host.pool if host else None,
        "server_type": host.server_type if host else None,
        "location": host.location if host else None,
        "architecture": host.architecture if host else living.architecture if living else None,
        "address": host.address if host else None,
        "private_address": host.private_address if host else living.address if living else None,
        "in_inventory": host is not None,
        "in_cluster": living is not None if found.answered else None,
        "ready": living.ready if living else None,
        "reasons": list(living.reasons) if living else [],
        "version": living.version if living else None,
        "etcd_voter": living.votes if living else None,
        "age_seconds": round(now - living.created) if living else None,
        "schedulable": living.schedulable if living else None,
        "taints": list(living.taints) if living else [],
    }


def age(seconds: float) -> str:
    """In the largest unit that fits: 3 d, 5 h, 12 min, 40 s."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def listed(words: Sequence[str]) -> str:
    """As a person counts them up: a, b and c."""
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def _head(found: Overview) -> str:
    nodes = [node for node in found.nodes if node.is_node]
    count = "one node" if len(nodes) == 1 else f"{len(nodes)} nodes"
    if not found.answered:
        return f"The cluster {found.cluster}: {count} in the inventory; Kubernetes has not answered."
    return f"The cluster {found.cluster}: {count}, {'; '.join(_sums(nodes))}."


def _sums(nodes: Sequence[Node]) -> Iterator[str]:
    ready = sum(node.living is not None and node.living.ready for node in nodes)
    yield "all ready" if ready == len(nodes) else f"{ready} ready"
    votes = [node.living.votes for node in nodes if node.living is not None and node.living.votes is not None]
    if votes:
        yield f"{sum(votes)} of {len(votes)} vote in etcd"


def _cells(node: Node, found: Overview, now: float) -> tuple[str, ...]:
    host, living = node.host, node.living
    address = host.address if host else living.address if living else None
    place = host.place if host else ""
    if living is None:
        return (node.name, _state(node, found), "", "", place, address or "")
    state = _state(node, found)
    return (node.name, state, living.version, age(now - living.created), place, address or "")


def _state(node: Node, found: Overview) -> str:
    if not node.is_node:
        return "gateway"
    if node.living is None:
        return "not joined" if found.answered else "unknown"
    return "ready" if node.living.ready else "not ready"


def _remarks(node: Node) -> Iterator[str]:
    if node.host is None:
        yield "not in the inventory"
    if node.living is None:
        return
    yield from node.living.reasons
    if not node.living.schedulable:
        yield "takes no new pods: it is cordoned"
    if node.living.votes is False:
        yield "does not vote in etcd"
    if node.living.taints:
        yield f"taints {', '.join(node.living.taints)}"
