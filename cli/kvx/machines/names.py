"""What the parts of a fleet are called at Hetzner, and whether Hetzner's limits hold them."""

from collections.abc import Iterator, Mapping
from math import ceil

from kvx.errors import ExitCode, KvxError
from kvx.machines.catalogue import Live
from kvx.machines.fleet import GATEWAY, Fleet

# reference/hetzner.md 5.5.
SERVERS_IN_A_GROUP = 10
GROUPS_IN_A_PROJECT = 50
SERVERS_IN_A_NETWORK = 100


def wanted_names(fleet: Fleet) -> Mapping[str, frozenset[str]]:
    """The names that are needed, by kind; of SSH keys only the one that kvx itself makes."""
    public = [node for node in fleet.nodes if not fleet.private_only or node.pool.name == GATEWAY]
    return {
        "network": frozenset({fleet.cluster}),
        "firewall": frozenset({fleet.cluster}),
        "load_balancer": frozenset({fleet.cluster} if fleet.load_balancer else ()),
        "placement_group": frozenset(_groups(fleet)),
        "server": frozenset(node.name for node in fleet.nodes),
        "primary_ip": frozenset(f"{node.name}-ipv4" for node in public),
        "volume": frozenset(node.name for node in fleet.nodes if node.pool.volume_gb),
        "ssh_key": frozenset({f"{fleet.cluster}-operator"}),
    }


def _groups(fleet: Fleet) -> Iterator[str]:
    for pool in fleet.all_pools:
        for number in range(1, ceil(pool.count / SERVERS_IN_A_GROUP) + 1):
            yield f"{fleet.cluster}-{pool.name}-{number}"


def check_limits(fleet: Fleet, live: Live) -> None:
    """Raises a KvxError where the fleet does not fit into one project or one network."""
    wanted = wanted_names(fleet)
    groups = wanted["placement_group"] | {each.name for each in live.of("placement_group")}
    if len(groups) > GROUPS_IN_A_PROJECT:
        message = f"{len(groups)} placement groups would be in the project, Hetzner allows "
        fix = "make the pools fewer, or delete placement groups that are not used"
        raise KvxError(f"{message}{GROUPS_IN_A_PROJECT}", fix, ExitCode.NO_CAPACITY)
    servers = wanted["server"] | frozenset(_in_our_network(live))
    if len(servers) > SERVERS_IN_A_NETWORK:
        message = f"{len(servers)} servers would be in the network, Hetzner allows {SERVERS_IN_A_NETWORK}"
        raise KvxError(message, "make the pools smaller, or two clusters of it", ExitCode.USAGE)


def _in_our_network(live: Live) -> Iterator[str]:
    networks = {("network", each.id) for each in live.our("network")}
    return (each.name for each in live.of("server") if each.attached_to & networks)


def calls_needed(fleet: Fleet, live: Live) -> int:
    """About how many requests a deploy makes, rather too many than too few.

    Measured with the provider 1.68.0 on the simulation, a server taking 20 s: 110 for 11 new resources,
    134 for 9 new beside 11, 201 for 15 new beside 20, and 49 where 20 stay as they are.
    """
    living = len(live.ours)
    wanted = sum(len(names) for names in wanted_names(fleet).values())
    return 40 + 3 * living + 10 * max(0, wanted - living)
