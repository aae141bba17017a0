"""Decides what Terraform is to import: what carries our label and is missing from its state."""

import re
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from typing import Literal

from kvx.errors import ExitCode, KvxError
from kvx.machines.catalogue import Live, Resource
from kvx.machines.fleet import CLUSTER_LABEL, Fleet
from kvx.machines.names import wanted_names


@dataclass(frozen=True, slots=True, order=True)
class Import:
    """One import block: the address in Terraform, and the id by which the provider finds it."""

    address: str
    id: str


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A server of ours that is not as a finished one is, and what brings it there.

    power-on: it was made and never started, or stopped. wait: Hetzner is still at it. replace: it cannot
    be finished, so it is deleted and made anew.
    """

    server: Resource
    remedy: Literal["power-on", "wait", "replace"]


@dataclass(frozen=True, slots=True)
class Adoption:
    """What is to be imported, what is to be finished first, and what is ours but wanted no more."""

    imports: tuple[Import, ...] = ()
    unfinished: tuple[Unfinished, ...] = ()
    surplus: tuple[Resource, ...] = ()


# https://docs.hetzner.cloud: states of a server, and what each needs to become `running`.
_REMEDIES: Mapping[str, Literal["power-on", "wait", "replace"]] = {
    "off": "power-on",
    "initializing": "wait",
    "starting": "wait",
    "stopping": "wait",
    "migrating": "wait",
    "rebuilding": "wait",
    "unknown": "replace",
}

# What is addressed by its name without that of the cluster.
_ADDRESSES = {
    "firewall": "hcloud_firewall.nodes",
    "ssh_key": 'hcloud_ssh_key.operator["{}"]',
    "placement_group": 'hcloud_placement_group.spread["{}"]',
    "server": 'hcloud_server.node["{}"]',
    "primary_ip": 'hcloud_primary_ip.node["{}"]',
}


def adoptions(live: Live, state: Mapping[str, str], fleet: Fleet) -> Adoption:
    """What to do about what exists; `state` holds Terraform's addresses with their ids.

    Raises a KvxError (exit code 1) when a name we need is somebody else's.
    """
    check_strangers(live, fleet)
    unfinished = tuple(_unfinished(live, state, fleet))
    half_made = {each.server.id for each in unfinished if each.remedy == "replace"}
    missing = tuple(each for each in _addressed(live, half_made, fleet) if each.address not in state)
    known = {(_kind(address), identifier) for address, identifier in state.items()}
    kept = {(each.kind, str(each.id)) for each in _wanted(live, fleet)}
    surplus = tuple(
        each for each in live.ours if (each.kind, str(each.id)) not in known | kept and each.kind != "image"
    )
    return Adoption(missing, unfinished, surplus)


def check_strangers(live: Live, fleet: Fleet) -> None:
    """Raises a KvxError when something without our label has a name that we need."""
    strangers = tuple(strangers_of(live, fleet))
    if strangers:
        names = ", ".join(f"{each.kind.replace('_', ' ')} {each.name} (id {each.id})" for each in strangers)
        label = f"{CLUSTER_LABEL}={fleet.cluster}"
        message = f"a name that is needed is taken, and what has it does not carry {label}: {names}"
        fix = "give the cluster another name (hetzner.cluster in kvx.toml), or rename the other one"
        raise KvxError(message, fix, ExitCode.FAILED)


def strangers_of(live: Live, fleet: Fleet) -> Iterator[Resource]:
    """What has a name that we need, and is not ours; names are unique by kind in a project."""
    wanted = wanted_names(fleet)
    for each in live.resources:
        if each.name in wanted.get(each.kind, frozenset()) and not each.is_of(fleet.cluster):
            yield each


def _kind(address: str) -> str:
    """`hcloud_server.node["a-1"]` is a server."""
    match = re.match(r"hcloud_([a-z_]+)\.", address)
    return match[1] if match else ""


def _wanted(live: Live, fleet: Fleet) -> Iterator[Resource]:
    wanted = wanted_names(fleet)
    yield from (each for each in live.ours if each.name in wanted.get(each.kind, frozenset()))


def _addressed(live: Live, half_made: Set[int], fleet: Fleet) -> Iterator[Import]:
    """Each living part of the fleet with its address; the format of ids is the provider's (1.68.0)."""
    keys = {node.name: node.key for node in fleet.nodes}
    for each in _wanted(live, fleet):
        match each.kind:
            case "network":
                yield from _network(each, fleet)
            case "volume":
                yield from _volume(each, keys[each.name], live)
            case "load_balancer":
                yield from _load_balancer(each, live)
            case "server" if each.status == "deleting" or each.id in half_made:
                continue
            case _:
                name = each.name.removeprefix(f"{fleet.cluster}-").removesuffix("-ipv4")
                yield Import(_ADDRESSES[each.kind].format(name), str(each.id))


def _network(network: Resource, fleet: Fleet) -> Iterator[Import]:
    yield Import("hcloud_network.cluster", str(network.id))
    if fleet.subnet_range in network.ranges:
        yield Import("hcloud_network_subnet.nodes", f"{network.id}-{fleet.subnet_range}")
    if fleet.private_only and "0.0.0.0/0" in network.routes:
        yield Import("hcloud_network_route.gateway[0]", f"{network.id}-0.0.0.0/0")


def _volume(volume: Resource, key: str, live: Live) -> Iterator[Import]:
    yield Import(f'hcloud_volume.node["{key}"]', str(volume.id))
    server = live.nodes.get(key)
    if server is not None and volume.is_attached(server):
        yield Import(f'hcloud_volume_attachment.node["{key}"]', str(volume.id))


def _load_balancer(balancer: Resource, live: Live) -> Iterator[Import]:
    yield Import("hcloud_load_balancer.front[0]", str(balancer.id))
    for network in live.our("network"):
        if balancer.is_attached(network):
            yield Import("hcloud_load_balancer_network.front[0]", f"{balancer.id}-{network.id}")
    for selector in balancer.selectors:
        if selector.startswith(f"{CLUSTER_LABEL}={live.cluster}"):
            identifier = f"{balancer.id}__label_selector__{selector}"
            yield Import("hcloud_load_balancer_target.nodes[0]", identifier)
    for port, name in ((80, "http"), (443, "https")):
        if port in balancer.ports:
            yield Import(f"hcloud_load_balancer_service.{name}[0]", f"{balancer.id}__{port}")


def _unfinished(live: Live, state: Mapping[str, str], fleet: Fleet) -> Iterator[Unfinished]:
    names = wanted_names(fleet)["server"]
    known = {identifier for address, identifier in state.items() if _kind(address) == "server"}
    for server in live.our("server"):
        if server.name in names and server.status != "deleting":
            made = str(server.id) in known
            remedy = _REMEDIES.get(server.status) if made or _is_whole(server, live, fleet) else "replace"
            if remedy is not None and not (made and remedy == "replace"):
                yield Unfinished(server, remedy)


def _is_whole(server: Resource, live: Live, fleet: Fleet) -> bool:
    """Whether it has its network and its address: an import takes both as they are, nothing adds them later.

    Only asked of a server the state does not know: it was broken off before anything was put on it.
    """
    if server.status not in {"running", "off"}:
        return True
    wanted = {"network"} if any(live.our("network")) else set()
    if f"{server.name}-ipv4" in wanted_names(fleet)["primary_ip"]:
        wanted.add("primary_ip")
    return wanted <= {kind for kind, _ in server.attached_to}
