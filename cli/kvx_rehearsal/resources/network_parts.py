"""Subnets and routes of a network. Rules: public documentation, "Networks" and "Network Actions"."""

import ipaddress

from kvx_rehearsal import actions
from kvx_rehearsal.addresses import PUBLIC_GATEWAY, private_range, taken
from kvx_rehearsal.call import Answer, Call, wanted_choice, wanted_text
from kvx_rehearsal.refusals import Refusal, invalid, not_found
from kvx_rehearsal.store import Document, Store

SUBNET_TYPES = ("cloud", "server", "vswitch")
ZONES = ("eu-central", "us-east", "us-west", "ap-southeast")
LONGEST_PREFIX = 30
FIRST_CHOICE_PREFIX = 24
EVERYWHERE = ipaddress.IPv4Network("0.0.0.0/0")


def add_subnet(call: Call) -> Answer:
    network = call.find("network")
    actions.refuse_if_changing(call, network["id"])
    network["subnets"].append(subnet_from(network, call.body))
    call.store.put("network", network)
    return Answer({"action": actions.start(call, "add_subnet", [("network", network["id"])])}, 201)


def subnet_from(network: Document, body: Document) -> Document:
    """A subnet inside the network that overlaps nothing; without a range the first free /24."""
    kind = wanted_choice(body, "type", SUBNET_TYPES)
    wanted = _range(network, body)
    subnet = {
        "type": kind,
        "ip_range": str(wanted),
        "network_zone": wanted_choice(body, "network_zone", ZONES),
    }
    return {**subnet, "vswitch_id": body.get("vswitch_id")} if kind == "vswitch" else subnet


def _range(network: Document, body: Document) -> ipaddress.IPv4Network:
    whole = ipaddress.IPv4Network(network["ip_range"])
    if not body.get("ip_range"):
        return _first_free(network, whole)
    wanted = private_range(body["ip_range"], "ip_range", longest=LONGEST_PREFIX)
    if not wanted.subnet_of(whole):
        raise invalid("ip_range", "must be inside the network's range")
    if any(wanted.overlaps(each) for each in _ranges(network)):
        raise invalid("ip_range", "overlaps with another subnet or route")
    return wanted


def _first_free(network: Document, whole: ipaddress.IPv4Network) -> ipaddress.IPv4Network:
    for candidate in whole.subnets(new_prefix=max(FIRST_CHOICE_PREFIX, whole.prefixlen)):
        if not any(candidate.overlaps(each) for each in _ranges(network)):
            return candidate
    raise invalid("ip_range", "no range is free")


def _ranges(network: Document) -> list[ipaddress.IPv4Network]:
    texts = [subnet["ip_range"] for subnet in network["subnets"]]
    texts += [route["destination"] for route in network["routes"]]
    return [found for text in texts if (found := ipaddress.IPv4Network(text)) != EVERYWHERE]


def delete_subnet(call: Call) -> Answer:
    """In use: service_error with words the provider matches (its resource_subnet.go)."""
    network = call.find("network")
    actions.refuse_if_changing(call, network["id"])
    ip_range = wanted_text(call.body, "ip_range")
    if not any(subnet["ip_range"] == ip_range for subnet in network["subnets"]):
        raise not_found("subnet", ip_range)
    if _in_use(call.store, network, ip_range):
        raise Refusal("service_error", "cannot remove subnet because servers are attached to it")
    network["subnets"] = [subnet for subnet in network["subnets"] if subnet["ip_range"] != ip_range]
    call.store.put("network", network)
    return Answer({"action": actions.start(call, "delete_subnet", [("network", network["id"])])}, 201)


def _in_use(store: Store, network: Document, ip_range: str) -> bool:
    subnet = ipaddress.IPv4Network(ip_range)
    reserved = {str(ipaddress.IPv4Network(network["ip_range"]).network_address + 1), PUBLIC_GATEWAY}
    return any(ipaddress.IPv4Address(address) in subnet for address in taken(store, network) - reserved)


def add_route(call: Call) -> Answer:
    network = call.find("network")
    actions.refuse_if_changing(call, network["id"])
    network["routes"].append(route_from(network, call.body))
    call.store.put("network", network)
    return Answer({"action": actions.start(call, "add_route", [("network", network["id"])])}, 201)


def route_from(network: Document, body: Document) -> Document:
    """Private or 0.0.0.0/0, overlapping nothing; the gateway inside the network and not its first address."""
    destination = _destination(wanted_text(body, "destination"))
    if destination != EVERYWHERE and any(destination.overlaps(each) for each in _ranges(network)):
        raise invalid("destination", "overlaps with a subnet or another route")
    if any(route["destination"] == str(destination) for route in network["routes"]):
        raise invalid("destination", "there is a route with this destination")
    return {"destination": str(destination), "gateway": _gateway(network, wanted_text(body, "gateway"))}


def _destination(text: str) -> ipaddress.IPv4Network:
    return EVERYWHERE if text == str(EVERYWHERE) else private_range(text, "destination", longest=32)


def _gateway(network: Document, text: str) -> str:
    whole = ipaddress.IPv4Network(network["ip_range"])
    try:
        gateway = ipaddress.IPv4Address(text)
    except ValueError as error:
        raise invalid("gateway", str(error)) from error
    if gateway not in whole or gateway == whole.network_address + 1 or text == PUBLIC_GATEWAY:
        raise invalid("gateway", "must be inside the network's range and not its first address")
    return text


def delete_route(call: Call) -> Answer:
    network = call.find("network")
    actions.refuse_if_changing(call, network["id"])
    route = {name: wanted_text(call.body, name) for name in ("destination", "gateway")}
    if route not in network["routes"]:
        raise not_found("route", route["destination"])
    network["routes"].remove(route)
    call.store.put("network", network)
    return Answer({"action": actions.start(call, "delete_route", [("network", network["id"])])}, 201)
