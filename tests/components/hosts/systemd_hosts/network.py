"""The networks of a fleet: a public bridge with a way out, a private one without, a namespace per host."""

from pathlib import Path

from systemd_hosts.fleet import Fleet, Host, public_network
from systemd_hosts.programs import run, succeeds

# Hetzner's private networks have this one.
PRIVATE_MTU = 1450
PRIVATE_INTERFACE = "enp7s0"
PUBLIC_INTERFACE = "eth0"
NAMESPACES = Path("/run/netns")


def lay(fleet: Fleet) -> None:
    """Both bridges and the translation of addresses on the way out; what lies there already is left."""
    public, private = _bridges(fleet.number)
    network = public_network(fleet.number)
    if not _exists(public):
        run("ip", "link", "add", public, "mtu", machine_mtu(), "type", "bridge")
        run("ip", "address", "add", f"{network}.1/24", "dev", public)
        run("ip", "link", "set", public, "up")
    if not _exists(private):
        run("ip", "link", "add", private, "mtu", str(PRIVATE_MTU), "type", "bridge")
        run("ip", "link", "set", private, "up")
    let_out(public, f"{network}.0/24")


def let_out(bridge: str, network: str) -> None:
    """Translates the addresses of what leaves this machine; the table is called as the bridge."""
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    table = f"table ip {bridge}"
    hook = "type nat hook postrouting priority srcnat;"
    translation = f"ip saddr {network} ip daddr != {network} masquerade;"
    rules = f"{table}\ndelete {table}\n{table} {{ chain out {{ {hook} {translation} }}; }}\n"
    run("nft", "-f", "-", standard_input=rules)


def plug_in(host: Host) -> None:
    """A namespace with a public and a private interface, and the default route through the public one."""
    public, private = _bridges(host.fleet)
    run("ip", "netns", "add", host.namespace)
    run("ip", "-n", host.namespace, "link", "set", "lo", "up")
    _cable(host, "p", public, PUBLIC_INTERFACE, host.public_ip)
    _cable(host, "q", private, PRIVATE_INTERFACE, host.private_ip)
    gateway = f"{public_network(host.fleet)}.1"
    run("ip", "-n", host.namespace, "route", "add", "default", "via", gateway)


def is_plugged_in(host: Host) -> bool:
    return (NAMESPACES / host.namespace).exists()


def unplug(host: Host) -> None:
    """Deleting a namespace takes its interfaces along."""
    if is_plugged_in(host):
        run("ip", "netns", "delete", host.namespace)


def clear(fleet: Fleet) -> None:
    for bridge in _bridges(fleet.number):
        if _exists(bridge):
            run("ip", "link", "delete", bridge)
    if succeeds("nft", "list", "table", "ip", _bridges(fleet.number)[0]):
        run("nft", "delete", "table", "ip", _bridges(fleet.number)[0])
    # The first namespace had brought this mount.
    if succeeds("mountpoint", "-q", str(NAMESPACES)) and not any(NAMESPACES.iterdir()):
        run("umount", str(NAMESPACES))


def _cable(host: Host, kind: str, bridge: str, interface: str, address: str) -> None:
    outer = f"kvx{kind}{host.fleet}-{host.number}"
    mtu = Path(f"/sys/class/net/{bridge}/mtu").read_text().strip()
    inner = ["peer", "name", interface, "mtu", mtu, "netns", host.namespace]
    run("ip", "link", "add", outer, "mtu", mtu, "type", "veth", *inner)
    run("ip", "link", "set", outer, "master", bridge, "up")
    run("ip", "-n", host.namespace, "address", "add", f"{address}/24", "dev", interface)
    run("ip", "-n", host.namespace, "link", "set", interface, "up")


def _bridges(fleet: int) -> tuple[str, str]:
    """Names of interfaces have at most 15 letters."""
    return f"kvx-public{fleet}", f"kvx-private{fleet}"


def _exists(interface: str) -> bool:
    return Path("/sys/class/net", interface).exists()


def machine_mtu() -> str:
    """Of the interface that leads out; anything longer would get lost there."""
    routes = run("ip", "-4", "route", "show", "default").split()
    if "dev" not in routes:
        return "1400"
    return Path("/sys/class/net", routes[routes.index("dev") + 1], "mtu").read_text().strip()
