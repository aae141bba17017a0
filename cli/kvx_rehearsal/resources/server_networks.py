"""Servers in private networks. Rules: public documentation, "Attach a Server to a Network"."""

import ipaddress

from kvx_rehearsal import actions
from kvx_rehearsal.addresses import private_address
from kvx_rehearsal.call import Answer, Call, wanted_list
from kvx_rehearsal.refusals import Refusal, invalid, not_found, over_limit
from kvx_rehearsal.resources.networks import attached as members
from kvx_rehearsal.store import Document

# Product documentation, "Networks", Limits.
MOST_NETWORKS = 3
MOST_SERVERS = 100
MOST_ALIASES = 5


def attach(call: Call) -> Answer:
    server = call.find("server")
    actions.refuse_if_locked(call, server["id"])
    network = call.existing("network", call.body.get("network"))
    attached(call, server, network, call.body)
    return _answer(call, "attach_to_network", server, network)


def attached(call: Call, server: Document, network: Document, wish: Document) -> None:
    """Gives the server an address in the network."""
    _refuse_if_unfit(call, server, network)
    zone = call.catalogue.location(server["location"])["network_zone"]
    address = private_address(call.store, network, zone, wish.get("ip"), wish.get("ip_range"))
    number = f"{network['id']:08x}{server['id']:08x}"
    server["private_net"].append(
        {
            "network": network["id"],
            "ip": address,
            "alias_ips": [],
            "mac_address": ":".join(["86", "00", "00", number[2:4], number[12:14], number[14:16]]),
        }
    )
    call.store.put("server", server)
    server["private_net"][-1]["alias_ips"] = _aliases(call, network, zone, wanted_list(wish, "alias_ips"))
    call.store.put("server", server)


def _aliases(call: Call, network: Document, zone: str, wanted: list[str]) -> list[str]:
    if len(wanted) > MOST_ALIASES:
        raise invalid("alias_ips", f"a server has at most {MOST_ALIASES} aliases in a network")
    return [private_address(call.store, network, zone, alias) for alias in wanted]


def _refuse_if_unfit(call: Call, server: Document, network: Document) -> None:
    if any(each["network"] == network["id"] for each in server["private_net"]):
        raise Refusal("server_already_attached", "server is already attached to this network")
    if len(server["private_net"]) >= MOST_NETWORKS:
        raise invalid("network", f"a server is in at most {MOST_NETWORKS} networks")
    if len(members(call.store, "server", network["id"])) >= MOST_SERVERS:
        raise over_limit("network servers", "servers_per_network")
    whole = ipaddress.IPv4Network(network["ip_range"])
    for each in server["private_net"]:
        other = call.existing("network", each["network"])
        if whole.overlaps(ipaddress.IPv4Network(other["ip_range"])):
            raise Refusal("networks_overlap", "the networks overlap")


def detach(call: Call) -> Answer:
    server = call.find("server")
    actions.refuse_if_locked(call, server["id"])
    network = call.existing("network", call.body.get("network"))
    place = _attachment(server, network)
    server["private_net"].remove(place)
    call.store.put("server", server)
    return _answer(call, "detach_from_network", server, network)


def change_alias_ips(call: Call) -> Answer:
    server = call.find("server")
    actions.refuse_if_locked(call, server["id"])
    network = call.existing("network", call.body.get("network"))
    zone = call.catalogue.location(server["location"])["network_zone"]
    place = _attachment(server, network)
    place["alias_ips"] = []
    call.store.put("server", server)
    place["alias_ips"] = _aliases(call, network, zone, wanted_list(call.body, "alias_ips"))
    call.store.put("server", server)
    return _answer(call, "change_alias_ips", server, network)


def _attachment(server: Document, network: Document) -> Document:
    for each in server["private_net"]:
        if each["network"] == network["id"]:
            found: Document = each
            return found
    raise not_found("network attachment", network["id"])


def _answer(call: Call, command: str, server: Document, network: Document) -> Answer:
    concerned = [("server", server["id"]), ("network", network["id"])]
    return Answer({"action": actions.start(call, command, concerned)}, 201)
