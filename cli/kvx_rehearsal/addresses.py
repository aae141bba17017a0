"""Addresses: public ones from the ranges for documentation, private ones from subnets.

Public documentation, "Networks", IP address management: the first address of the network's range is the
gateway; without a wish the first free address of a subnet in the network zone is given.
"""

import ipaddress
import json
from collections.abc import Iterator, Sequence

from kvx_rehearsal.refusals import Refusal, invalid, over_limit
from kvx_rehearsal.store import Document, Store

# RFC 5737 and RFC 3849: nobody's addresses.
PUBLIC_IPV4 = ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")
PUBLIC_IPV6 = ipaddress.IPv6Network("2001:db8::/48")
PRIVATE = tuple(ipaddress.IPv4Network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))
PUBLIC_GATEWAY = "172.31.1.1"


def offer(store: Store, networks: Sequence[str]) -> None:
    """Only these public networks from now on; what has an address keeps it."""
    store.remember("public networks", json.dumps(list(networks)))


def public_ipv4(store: Store) -> str:
    used = {ip["ip"] for ip in store.all("primary_ip")} | {
        balancer["ipv4"] for balancer in store.all("load_balancer")
    }
    for text in json.loads(store.remembered("public networks") or "null") or PUBLIC_IPV4:
        # The last address is the gateway's.
        for address in list(ipaddress.IPv4Network(text).hosts())[:-1]:
            if str(address) not in used:
                return str(address)
    raise over_limit("Primary IP", "primary_ips")


def public_ipv6(store: Store) -> str:
    """A network of 64 bits that was never given before."""
    number = store.next_number("ipv6", 1) % 65_536
    return str(ipaddress.IPv6Network((int(PUBLIC_IPV6.network_address) + (number << 64), 64)))


def private_range(text: object, field: str, *, longest: int) -> ipaddress.IPv4Network:
    """A range of RFC 1918 whose prefix is at most `longest` bits; invalid_input otherwise."""
    try:
        found = ipaddress.IPv4Network(str(text))
    except ValueError as error:
        raise invalid(field, str(error)) from error
    if found.prefixlen > longest or not any(found.subnet_of(private) for private in PRIVATE):
        raise invalid(field, f"'{text}' is not a private range of at least /{longest}")
    return found


def taken(store: Store, network: Document) -> set[str]:
    """Addresses of a network that are in use or reserved."""
    first = ipaddress.IPv4Network(network["ip_range"]).network_address + 1
    addresses = {str(first), PUBLIC_GATEWAY}
    for kind in ("server", "load_balancer"):
        for document in store.all(kind):
            for attached in document["private_net"]:
                if attached["network"] == network["id"]:
                    addresses |= {attached["ip"], *attached.get("alias_ips", [])}
    return addresses


def private_address(
    store: Store, network: Document, zone: str, wanted: str | None, ip_range: str | None = None
) -> str:
    """The wanted address or the first free one, in a subnet of the zone; `ip_range` names the subnet."""
    subnets = [
        ipaddress.IPv4Network(subnet["ip_range"])
        for subnet in network["subnets"]
        if subnet["network_zone"] == zone and ip_range in (None, subnet["ip_range"])
    ]
    if not subnets:
        raise Refusal("no_subnet_available", "no subnet or IP available")
    used = taken(store, network)
    if wanted is not None:
        return _wanted(wanted, subnets, used)
    free = (str(address) for address in _hosts(subnets) if str(address) not in used)
    address = next(free, None)
    if address is None:
        raise Refusal("no_subnet_available", "no subnet or IP available")
    return address


def _wanted(wanted: str, subnets: list[ipaddress.IPv4Network], used: set[str]) -> str:
    try:
        address = ipaddress.IPv4Address(wanted)
    except ValueError as error:
        raise invalid("ip", str(error)) from error
    if wanted in used or not any(address in subnet for subnet in subnets):
        raise Refusal("ip_not_available", f"IP {wanted} is not available")
    return wanted


def _hosts(subnets: list[ipaddress.IPv4Network]) -> Iterator[ipaddress.IPv4Address]:
    for subnet in subnets:
        yield from subnet.hosts()
