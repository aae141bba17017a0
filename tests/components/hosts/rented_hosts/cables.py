"""Hetzner's networks on this machine: a public bridge, and for each private network a bridge with a router.

As at Hetzner a machine has single addresses, no networks: all traffic passes the gateway or the router.
"""

import json
from pathlib import Path

from rented_hosts.machine import Attachment, Machine
from rented_hosts.register import Tenancy
from systemd_hosts.network import NAMESPACES, PRIVATE_MTU, PUBLIC_INTERFACE, let_out, machine_mtu
from systemd_hosts.programs import run, succeeds

# The private interfaces, in the order a machine was attached to networks.
PRIVATE_INTERFACES = ("enp7s0", "enp8s0", "enp9s0")
ROUTER_INTERFACE = "eth0"
# Packets that come and go by the same interface are no reason to teach anybody another way.
ROUTER_SETTINGS = {"ip_forward": "1", "conf/all/send_redirects": "0", "conf/default/send_redirects": "0"}


def lay_public(tenancy: Tenancy) -> None:
    """The bridge that is the machines' way out, and the way in from here."""
    bridge = _public(tenancy.fleet)
    if not _exists(bridge):
        run("ip", "link", "add", bridge, "mtu", machine_mtu(), "type", "bridge")
    run("ip", "address", "replace", f"{tenancy.gateway}/24", "dev", bridge)
    run("ip", "link", "set", bridge, "up")
    let_out(bridge, tenancy.public_network)


def lay_private(fleet: int, wanted: Attachment) -> None:
    """The bridge and its router, with the routes that the network has now."""
    bridge, router = _private(fleet, wanted.network), _router(fleet, wanted.network)
    if not _exists(bridge):
        run("ip", "link", "add", bridge, "mtu", str(PRIVATE_MTU), "type", "bridge")
    run("ip", "link", "set", bridge, "up")
    if addresses(router, ROUTER_INTERFACE) != {wanted.router}:
        _place_router(bridge, router, wanted)
    run("ip", "-n", router, "route", "flush", "proto", "static")
    for destination, gateway in wanted.routes:
        run("ip", "-n", router, "route", "replace", destination, "via", gateway, "proto", "static")


def plug_in(machine: Machine, tenancy: Tenancy) -> None:
    """Makes the machine's interfaces those that are wanted; such as are right already stay as they are."""
    namespace, wanted = machine.namespace, _wanted(machine)
    if not (NAMESPACES / namespace).exists():
        run("ip", "netns", "add", namespace)
    run("ip", "-n", namespace, "link", "set", "lo", "up")
    for interface in (PUBLIC_INTERFACE, *PRIVATE_INTERFACES):
        there = addresses(namespace, interface)
        if there is not None and there != wanted.get(interface):
            run("ip", "-n", namespace, "link", "delete", interface)
        if interface in wanted:
            _plug(machine, interface, tenancy, None if there == wanted[interface] else wanted[interface])


def addresses(namespace: str, interface: str) -> set[str] | None:
    """Those an interface has; None where there is no such interface."""
    if not succeeds("ip", "-n", namespace, "link", "show", interface):
        return None
    shown = json.loads(run("ip", "-4", "-j", "-n", namespace, "address", "show", "dev", interface))
    return {each["local"] for link in shown for each in link.get("addr_info", [])}


def unplug(fleet: int, number: int) -> None:
    if (NAMESPACES / f"kvx-host{fleet}-{number}").exists():
        run("ip", "netns", "delete", f"kvx-host{fleet}-{number}")


def clear(fleet: int) -> None:
    """Every router and bridge of a rehearsal, and what lets its machines out."""
    for namespace in NAMESPACES.glob(f"kvx-router{fleet}-*"):
        run("ip", "netns", "delete", namespace.name)
    for bridge in Path("/sys/class/net").glob(f"kvx{fleet}-*/bridge"):
        run("ip", "link", "delete", bridge.parent.name)
    if succeeds("nft", "list", "table", "ip", _public(fleet)):
        run("nft", "delete", "table", "ip", _public(fleet))
    if succeeds("mountpoint", "-q", str(NAMESPACES)) and not any(NAMESPACES.iterdir()):
        run("umount", str(NAMESPACES))


def _wanted(machine: Machine) -> dict[str, set[str]]:
    """The addresses of each interface."""
    private = {
        interface: {each.address, *each.aliases}
        for interface, each in zip(PRIVATE_INTERFACES, machine.attachments, strict=False)
    }
    return private | ({PUBLIC_INTERFACE: {machine.public_ip}} if machine.public_ip else {})


def _plug(machine: Machine, interface: str, tenancy: Tenancy, missing: set[str] | None) -> None:
    """Lays the cable with the addresses that are missing, and then the ways to everywhere."""
    bridge, gateway, beyond = _way(machine, interface, tenancy)
    namespace = machine.namespace
    if missing is not None:
        letter = "pqrs"[(PUBLIC_INTERFACE, *PRIVATE_INTERFACES).index(interface)]
        _connect(f"kvx{letter}{machine.fleet}-{machine.number}", bridge, interface, namespace)
        for address in sorted(missing):
            run("ip", "-n", namespace, "address", "add", f"{address}/32", "dev", interface)
    run("ip", "-n", namespace, "link", "set", interface, "up")
    run("ip", "-n", namespace, "route", "replace", gateway, "dev", interface)
    run("ip", "-n", namespace, "route", "replace", beyond, "via", gateway, "dev", interface)


def _way(machine: Machine, interface: str, tenancy: Tenancy) -> tuple[str, str, str]:
    """An interface's bridge, who passes its traffic on, and for where."""
    if interface == PUBLIC_INTERFACE:
        return _public(machine.fleet), tenancy.gateway, "default"
    attached = machine.attachments[PRIVATE_INTERFACES.index(interface)]
    return _private(machine.fleet, attached.network), attached.router, attached.network_range


def _connect(outer: str, bridge: str, interface: str, namespace: str) -> None:
    mtu = Path(f"/sys/class/net/{bridge}/mtu").read_text().strip()
    inner = ["peer", "name", interface, "mtu", mtu, "netns", namespace]
    run("ip", "link", "add", outer, "mtu", mtu, "type", "veth", *inner)
    run("ip", "link", "set", outer, "master", bridge, "up")


def _place_router(bridge: str, router: str, wanted: Attachment) -> None:
    if (NAMESPACES / router).exists():
        run("ip", "netns", "delete", router)
    run("ip", "netns", "add", router)
    for name, value in ROUTER_SETTINGS.items():
        run("ip", "netns", "exec", router, "sh", "-c", f"echo {value} > /proc/sys/net/ipv4/{name}")
    _connect(f"{bridge}r", bridge, ROUTER_INTERFACE, router)
    bits = wanted.network_range.split("/")[1]
    run("ip", "-n", router, "link", "set", ROUTER_INTERFACE, "up")
    run("ip", "-n", router, "address", "add", f"{wanted.router}/{bits}", "dev", ROUTER_INTERFACE)


def _public(fleet: int) -> str:
    """Names of interfaces have at most 15 letters."""
    return f"kvx{fleet}-public"


def _private(fleet: int, network: int) -> str:
    return f"kvx{fleet}-{network}"


def _router(fleet: int, network: int) -> str:
    return f"kvx-router{fleet}-{network}"


def _exists(interface: str) -> bool:
    return Path("/sys/class/net", interface).exists()
