"""What the settings of the target hetzner want of Hetzner, as values; what cannot be is refused here."""

import re
from collections.abc import Iterator
from decimal import Decimal
from urllib.parse import urlsplit

from kvx.cluster.sizes import SIZES
from kvx.deployment import Deployment
from kvx.errors import ExitCode, KvxError
from kvx.machines.fleet import CONTROL_PLANE, GATEWAY, Account, Fleet, HandedOn, Place, Pool
from kvx.phases.addresses import allowed_addresses
from kvx.phases.node_words import checked_labels, checked_taints
from kvx.settings import HetznerSettings, PoolSettings
from kvx.steps.machines import Backend, Limits

# https://docs.hetzner.com/cloud/general/locations: a network lies in one zone.
ZONES = {
    "fsn1": "eu-central",
    "nbg1": "eu-central",
    "hel1": "eu-central",
    "ash": "us-east",
    "hil": "us-west",
    "sin": "ap-southeast",
}
MOST_NODES = 100  # servers in one network at Hetzner
MOST_LETTERS = 63  # of a host name
ADDRESS_ENDING = "-ipv4"  # what the longest name of a node's resources ends with
THIS_MACHINE = ("localhost", "127.0.0.1", "::1")

_CENT = Decimal("0.01")
_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_PLACE = re.compile(r"(?P<type>[a-z0-9]+)@(?P<location>[a-z0-9-]+)")
_DURATION = re.compile(r"(?P<number>\d+(\.\d+)?)\s*(?P<unit>s|m|h|)")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600}


def fleet_of(deployment: Deployment) -> Fleet:
    """All that the cluster wants; raises a KvxError with exit code 2 that names the setting."""
    wanted = deployment.settings.hetzner
    _check_name("hetzner.cluster", wanted.cluster)
    pools = (_control_planes(wanted), *_pools(wanted))
    fleet = Fleet(
        cluster=wanted.cluster,
        pools=pools,
        image=wanted.image,
        network_zone=_zone(wanted.location),
        load_balancer=Place(wanted.load_balancer, wanted.location) if wanted.load_balancer else None,
        private_only=wanted.private_only,
        allowed_addresses=allowed_addresses(wanted),
        open_to_the_world=wanted.open_to_the_world,
        ssh_public_key=wanted.ssh_public_key,
        handed_on=_handed_on(deployment),
    )
    _check_together(fleet)
    return fleet


def account_of(wanted: HetznerSettings) -> Account:
    """The way to the project; a token travels unencrypted to this machine only."""
    parts = urlsplit(wanted.endpoint or "https://")
    encrypted = parts.scheme == "https" and (parts.hostname or not wanted.endpoint)
    if not encrypted and not (parts.scheme == "http" and parts.hostname in THIS_MACHINE):
        message = f"hetzner.endpoint is {wanted.endpoint!r}: the token would be seen on its way"
        raise _wrong(message, "unset HCLOUD_ENDPOINT, or give an address that begins with https://")
    return Account(wanted.token, wanted.endpoint, wanted.address_url)


def is_rehearsal(wanted: HetznerSettings) -> bool:
    """Whether the endpoint is on this machine: then it is a simulation, and no account is behind it."""
    return wanted.endpoint is not None and urlsplit(wanted.endpoint).hostname in THIS_MACHINE


def limits_of(wanted: HetznerSettings) -> Limits:
    """What the user allows."""
    most = None if wanted.max_monthly is None else Decimal(str(wanted.max_monthly)).quantize(_CENT)
    more = None if wanted.max_increase is None else Decimal(str(wanted.max_increase))
    return Limits(most, _seconds(wanted.wait_for_capacity), more)


def backend_of(wanted: HetznerSettings) -> Backend:
    """Where the state is kept; that of a rehearsal never comes near the bucket of real machines."""
    if wanted.bucket is None or is_rehearsal(wanted):
        return Backend()
    return Backend(
        bucket=wanted.bucket,
        key=wanted.bucket_key or f"kvx/{wanted.cluster}.tfstate",
        region=wanted.bucket_region,
        endpoint=wanted.bucket_endpoint,
        access_key=wanted.bucket_access_key,
        secret_key=wanted.bucket_secret_key,
    )


def _control_planes(wanted: HetznerSettings) -> Pool:
    if wanted.control_planes not in (1, 3):
        message = f"hetzner.control_planes is {wanted.control_planes}: when one of an even number fails, "
        raise _wrong(message + "the rest cannot agree", "set hetzner.control_planes to 1 or 3")
    wish = PoolSettings(CONTROL_PLANE, wanted.control_planes, type=wanted.control_plane_type)
    return Pool(CONTROL_PLANE, wish.count, _places(wish, wanted))


def _pools(wanted: HetznerSettings) -> Iterator[Pool]:
    taken = {CONTROL_PLANE: "the control planes have it", GATEWAY: "the way out of private nodes has it"}
    for wish in wanted.pools or (PoolSettings("workers", wanted.workers),):
        _check_name("the name of a pool", wish.name)
        if wish.name in taken:
            message = f"no pool can be named {wish.name}: {taken[wish.name]}"
            raise _wrong(message, f"give it another name under [[hetzner.pools]], such as {wish.name}-two")
        taken[wish.name] = "another one is"
        yield Pool(
            name=wish.name,
            count=wish.count,
            places=_places(wish, wanted),
            elsewhere=_fallbacks(wish, wanted) is None,
            labels=checked_labels(wish),
            taints=checked_taints(wish),
            volume_gb=_volume_gb(wish),
        )


def _places(wish: PoolSettings, wanted: HetznerSettings) -> tuple[Place, ...]:
    """The wanted place, then the fallbacks of the pool, or those of all pools; none of them twice."""
    first = Place(wish.type or wanted.type, wish.location or wanted.location)
    return tuple(dict.fromkeys((first, *(_place(text) for text in _fallbacks(wish, wanted) or ()))))


def _fallbacks(wish: PoolSettings, wanted: HetznerSettings) -> tuple[str, ...] | None:
    return wanted.fallbacks if wish.fallbacks is None else wish.fallbacks


def _place(text: str) -> Place:
    match = _PLACE.fullmatch(text)
    if not match:
        raise _wrong(f"the fallback {text!r} is no place", "write it as TYPE@LOCATION, such as cax31@fsn1")
    return Place(match["type"], match["location"])


def _volume_gb(wish: PoolSettings) -> int:
    """https://docs.hetzner.cloud: a volume has 10 GB or more."""
    if 0 < wish.volume_gb < 10:
        message = f"the pool {wish.name} wants volumes of {wish.volume_gb} GB, and Hetzner's begin at 10"
        raise _wrong(message, "set volume_gb to 10 or more, or to 0 for none")
    return wish.volume_gb


def _handed_on(deployment: Deployment) -> HandedOn:
    wanted = deployment.settings.kubernetes
    size = SIZES[wanted.size]
    return HandedOn(
        kubeconfig_path=str(deployment.folder / "kubeconfig"),
        kube_context=deployment.settings.hetzner.cluster,
        cpu_quota=wanted.cpu_quota or size.cpu_quota,
        memory_quota=wanted.memory_quota or size.memory_quota,
    )


def _check_together(fleet: Fleet) -> None:
    """What only shows when all is known: one zone, not too many nodes, no name too long."""
    for pool in fleet.pools:
        for place in pool.places:
            if _zone(place.location) != fleet.network_zone:
                message = f"{place} of the pool {pool.name} is not in {fleet.network_zone}, where the network"
                near = ", ".join(name for name, zone in ZONES.items() if zone == fleet.network_zone)
                raise _wrong(f"{message} is", f"choose a location of the same zone: {near}")
    if len(fleet.nodes) > MOST_NODES:
        message = f"{len(fleet.nodes)} nodes are wanted, and a network at Hetzner takes {MOST_NODES}"
        raise _wrong(message, "make the pools smaller, or two clusters of it")
    for node in fleet.nodes:
        if len(node.name) > MOST_LETTERS - len(ADDRESS_ENDING):
            message = f"the name {node.name} is too long for a machine and its address"
            raise _wrong(message, "give the cluster or the pool a shorter name")


def _check_name(what: str, name: str) -> None:
    if not _NAME.fullmatch(name):
        message = f"{what} is {name!r}: host names are made of it"
        raise _wrong(message, "use small letters, digits and hyphens, a letter first, no hyphen last")


def _zone(location: str) -> str:
    """A location that is not known here is left to the pre-flight, which asks Hetzner."""
    return ZONES.get(location, "eu-central")


def _seconds(duration: str) -> float:
    match = _DURATION.fullmatch(duration.strip())
    if not match:
        message = f"hetzner.wait_for_capacity is {duration!r}, which is no duration"
        raise _wrong(message, "write it as 90s, 30m or 2h")
    return float(match["number"]) * _SECONDS[match["unit"]]


def _wrong(message: str, fix: str) -> KvxError:
    return KvxError(message, fix, ExitCode.USAGE)
