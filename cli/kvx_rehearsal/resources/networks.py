"""Networks. Rules: public documentation, "Networks"; hcloud-go, schema/network.go."""

import ipaddress

from kvx_rehearsal import actions, labels
from kvx_rehearsal.addresses import private_range
from kvx_rehearsal.call import (
    Answer,
    Call,
    refuse_if_protected,
    wanted_list,
    wanted_switch,
    wanted_text,
)
from kvx_rehearsal.lists import listing
from kvx_rehearsal.refusals import invalid
from kvx_rehearsal.resources import network_parts
from kvx_rehearsal.resources.update import updated
from kvx_rehearsal.store import Document, Store

LONGEST_PREFIX = 24


def shown(store: Store, network: Document) -> Document:
    first = ipaddress.IPv4Network(network["ip_range"]).network_address + 1
    return {
        **network,
        "subnets": [{**subnet, "gateway": str(first)} for subnet in network["subnets"]],
        "servers": attached(store, "server", network["id"]),
        "load_balancers": attached(store, "load_balancer", network["id"]),
    }


def attached(store: Store, kind: str, number: int) -> list[int]:
    """Ids of the servers or load balancers in a network."""
    return [
        document["id"]
        for document in store.all(kind)
        if any(each["network"] == number for each in document["private_net"])
    ]


def several(call: Call) -> Answer:
    networks = [shown(call.store, network) for network in call.store.all("network")]
    return listing(call, "networks", networks)


def one(call: Call) -> Answer:
    return Answer({"network": shown(call.store, call.find("network"))})


def create(call: Call) -> Answer:
    name = wanted_text(call.body, "name")
    call.admit("network", name, "network")
    network: Document = {
        "id": call.new_id(),
        "name": name,
        "ip_range": str(private_range(call.body.get("ip_range"), "ip_range", longest=LONGEST_PREFIX)),
        "subnets": [],
        "routes": [],
        "expose_routes_to_vswitch": wanted_switch(call.body, "expose_routes_to_vswitch", default=False),
        "protection": {"delete": False},
        "labels": labels.checked(call.body.get("labels")),
        "created": call.created,
    }
    for subnet in wanted_list(call.body, "subnets"):
        network["subnets"].append(network_parts.subnet_from(network, subnet))
    for route in wanted_list(call.body, "routes"):
        network["routes"].append(network_parts.route_from(network, route))
    call.store.put("network", network)
    return Answer({"network": shown(call.store, network)}, 201)


def update(call: Call) -> Answer:
    network = updated(call, "network")
    exposed = network["expose_routes_to_vswitch"]
    exposed = wanted_switch(call.body, "expose_routes_to_vswitch", default=exposed)
    network["expose_routes_to_vswitch"] = exposed
    call.store.put("network", network)
    return Answer({"network": shown(call.store, network)})


def delete(call: Call) -> Answer:
    """Servers and load balancers in it are detached (public documentation, "Delete a Network")."""
    network = call.find("network")
    refuse_if_protected("network", network)
    for kind in ("server", "load_balancer"):
        for number in attached(call.store, kind, network["id"]):
            _detach(call, kind, number, network["id"])
    call.store.remove("network", network["id"])
    return Answer(status=204)


def _detach(call: Call, kind: str, number: int, network: int) -> None:
    document = call.existing(kind, number)
    remaining = [each for each in document["private_net"] if each["network"] != network]
    changes: Document = {"private_net": remaining}
    if kind == "load_balancer":
        changes["targets"] = [target for target in document["targets"] if not target["use_private_ip"]]
    call.store.put(kind, {**document, **changes})


def change_ip_range(call: Call) -> Answer:
    """It can only be extended at its end."""
    network = call.find("network")
    actions.refuse_if_changing(call, network["id"])
    old = ipaddress.IPv4Network(network["ip_range"])
    new = private_range(call.body.get("ip_range"), "ip_range", longest=LONGEST_PREFIX)
    if new.network_address != old.network_address or new.prefixlen > old.prefixlen:
        raise invalid("ip_range", "can only be extended at its end")
    call.store.put("network", {**network, "ip_range": str(new)})
    return Answer({"action": actions.start(call, "change_ip_range", [("network", network["id"])])}, 201)
