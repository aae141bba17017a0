"""Load balancers. Rules: public documentation, "Load Balancers"; hcloud-go, schema/load_balancer.go."""

import ipaddress

from kvx_rehearsal import actions, addresses, labels
from kvx_rehearsal.call import (
    Answer,
    Call,
    refuse_if_protected,
    wanted_choice,
    wanted_list,
    wanted_switch,
    wanted_text,
)
from kvx_rehearsal.lists import listing
from kvx_rehearsal.refusals import Refusal, invalid, not_found
from kvx_rehearsal.resources import balancing, services
from kvx_rehearsal.resources.primary_ips import dns_name
from kvx_rehearsal.resources.update import updated
from kvx_rehearsal.store import Document

ALGORITHMS = ("round_robin", "least_connections")


def shown(call: Call, balancer: Document) -> Document:
    kind = call.catalogue.load_balancer_type(balancer["type"])
    traffic = [
        price["included_traffic"] for price in kind["prices"] if price["location"] == balancer["location"]
    ]
    same = ("id", "name", "private_net", "protection", "labels", "created", "services", "algorithm")
    return {
        **{field: balancer[field] for field in same},
        "public_net": _public_net(balancer),
        "location": call.catalogue.location(balancer["location"]),
        "load_balancer_type": kind,
        "targets": [balancing.shown(call.store, balancer, target) for target in balancer["targets"]],
        "included_traffic": traffic[0] if traffic else 0,
        "outgoing_traffic": 0,
        "ingoing_traffic": 0,
    }


def _public_net(balancer: Document) -> Document:
    ipv6 = str(ipaddress.IPv6Network(balancer["ipv6"]).network_address + 1)
    return {
        "enabled": balancer["public_interface"],
        "ipv4": {"ip": balancer["ipv4"], "dns_ptr": dns_name(balancer["ipv4"])},
        "ipv6": {"ip": ipv6, "dns_ptr": ""},
    }


def several(call: Call) -> Answer:
    balancers = [shown(call, balancer) for balancer in call.store.all("load_balancer")]
    return listing(call, "load_balancers", balancers)


def one(call: Call) -> Answer:
    return Answer({"load_balancer": shown(call, call.find("load_balancer"))})


def create(call: Call) -> Answer:
    name = wanted_text(call.body, "name")
    call.admit("load_balancer", name, "load balancer")
    balancer = {
        "id": call.new_id(),
        "name": name,
        "type": call.catalogue.load_balancer_type(call.body.get("load_balancer_type"))["name"],
        "location": _place(call),
        "labels": labels.checked(call.body.get("labels")),
        "algorithm": _algorithm(call.body.get("algorithm") or {}),
        "public_interface": wanted_switch(call.body, "public_interface", default=True),
        "ipv4": addresses.public_ipv4(call.store),
        "ipv6": addresses.public_ipv6(call.store),
        "private_net": [],
        "services": [],
        "targets": [],
        "protection": {"delete": False},
        "created": call.created,
    }
    call.store.put("load_balancer", balancer)
    _fit_out(call, balancer)
    action = actions.start(call, "create_load_balancer", [("load_balancer", balancer["id"])])
    return Answer({"load_balancer": shown(call, balancer), "action": action}, 201)


def _place(call: Call) -> str:
    """A location, or the first one of a network zone."""
    location, zone = call.body.get("location"), call.body.get("network_zone")
    if bool(location) == bool(zone):
        raise invalid("location", "either location or network_zone is needed")
    if location:
        return str(call.catalogue.location(location)["name"])
    for place in call.catalogue.locations():
        if place["network_zone"] == zone:
            return str(place["name"])
    raise invalid("network_zone", f"'{zone}' does not exist")


def _algorithm(body: Document) -> Document:
    return {"type": wanted_choice(body, "type", ALGORITHMS, "round_robin")}


def _fit_out(call: Call, balancer: Document) -> None:
    if call.body.get("network"):
        _join(call, balancer, call.existing("network", call.body["network"]), {})
    for service in wanted_list(call.body, "services"):
        services.added(call, balancer, service)
    for target in wanted_list(call.body, "targets"):
        balancing.added(call, balancer, target)
    call.store.put("load_balancer", balancer)


def _join(call: Call, balancer: Document, network: Document, wish: Document) -> None:
    if balancer["private_net"]:
        raise Refusal("load_balancer_already_attached", "load balancer is already attached to a network")
    zone = call.catalogue.location(balancer["location"])["network_zone"]
    address = addresses.private_address(call.store, network, zone, wish.get("ip"), wish.get("ip_range"))
    balancer["private_net"] = [{"network": network["id"], "ip": address}]


def update(call: Call) -> Answer:
    return Answer({"load_balancer": shown(call, updated(call, "load_balancer"))})


def delete(call: Call) -> Answer:
    """Gone at once, with an action to tell (hcloud-python reads it, hcloud-go does not)."""
    balancer = call.find("load_balancer")
    refuse_if_protected("load_balancer", balancer)
    concerned = ("load_balancer", balancer["id"])
    actions.cancel(call, concerned)
    call.store.remove(*concerned)
    return Answer({"action": actions.start(call, "delete_load_balancer", [concerned])})


def attach_to_network(call: Call) -> Answer:
    balancer = call.find("load_balancer")
    network = call.existing("network", call.body.get("network"))
    _join(call, balancer, network, call.body)
    return changed(call, balancer, "attach_to_network")


def detach_from_network(call: Call) -> Answer:
    """Targets that are reached by the network go with it (provider, resource_target.go)."""
    balancer = call.find("load_balancer")
    network = call.body.get("network")
    if not any(each["network"] == network for each in balancer["private_net"]):
        raise not_found("network attachment", network)
    balancer["private_net"] = []
    balancer["targets"] = [target for target in balancer["targets"] if not target["use_private_ip"]]
    return changed(call, balancer, "detach_from_network")


def enable_public_interface(call: Call) -> Answer:
    return changed(call, {**call.find("load_balancer"), "public_interface": True}, "enable_public_interface")


def disable_public_interface(call: Call) -> Answer:
    balancer = call.find("load_balancer")
    if not balancer["private_net"]:
        raise Refusal("load_balancer_not_attached_to_network", "load balancer is not attached to a network")
    if any(not target["use_private_ip"] for target in balancer["targets"]):
        raise Refusal("targets_without_use_private_ip", "load balancer has targets that use the public IP")
    return changed(call, {**balancer, "public_interface": False}, "disable_public_interface")


def change_algorithm(call: Call) -> Answer:
    return changed(
        call, {**call.find("load_balancer"), "algorithm": _algorithm(call.body)}, "change_algorithm"
    )


def change_type(call: Call) -> Answer:
    """The new type must hold the services and targets there are."""
    balancer = call.find("load_balancer")
    kind = call.catalogue.load_balancer_type(call.body.get("load_balancer_type"))
    if len(balancer["services"]) > kind["max_services"] or len(balancer["targets"]) > kind["max_targets"]:
        raise Refusal(
            "invalid_load_balancer_type", "load balancer has more services or targets than that type"
        )
    return changed(call, {**balancer, "type": kind["name"]}, "change_load_balancer_type")


def changed(call: Call, balancer: Document, command: str) -> Answer:
    call.store.put("load_balancer", balancer)
    return Answer({"action": actions.start(call, command, [("load_balancer", balancer["id"])])}, 201)
