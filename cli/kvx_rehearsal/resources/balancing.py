"""Targets of a load balancer. Rules: public documentation, "Load Balancer Actions", Add and Remove Target."""

import ipaddress

from kvx_rehearsal import actions
from kvx_rehearsal.call import Answer, Call, wanted_switch
from kvx_rehearsal.labels import selector
from kvx_rehearsal.refusals import Refusal, invalid, over_limit
from kvx_rehearsal.resources.firewalls import selected
from kvx_rehearsal.store import Document, Store

IDENTITY = ("type", "server", "label_selector", "ip")


def shown(store: Store, balancer: Document, target: Document) -> Document:
    """With the health of each; a label selector lists the servers it finds."""
    if target["type"] != "label_selector":
        return {**target, "health_status": _health(store, balancer, target)}
    members = [
        {"type": "server", "server": {"id": server["id"]}, "use_private_ip": target["use_private_ip"]}
        for server in selected(store, target["label_selector"]["selector"])
    ]
    health = [{**member, "health_status": _health(store, balancer, member)} for member in members]
    return {**target, "health_status": [], "targets": health}


def _health(store: Store, balancer: Document, target: Document) -> list[Document]:
    """A server that runs counts as healthy; nothing listens here, so nobody can look."""
    server = store.one("server", (target.get("server") or {"id": 0})["id"])
    status = "healthy" if server and server["status"] == "running" else "unknown"
    return [{"listen_port": service["listen_port"], "status": status} for service in balancer["services"]]


def add(call: Call) -> Answer:
    balancer = call.find("load_balancer")
    added(call, balancer, call.body)
    return _changed(call, balancer, "add_target")


def added(call: Call, balancer: Document, body: Document) -> None:
    target = _target(call, body)
    if any(_same(target, each) for each in balancer["targets"]):
        raise Refusal("target_already_defined", "target already defined")
    if len(balancer["targets"]) >= call.catalogue.load_balancer_type(balancer["type"])["max_targets"]:
        raise over_limit("load balancer targets", "load_balancer_targets")
    _refuse_if_unreachable(call, balancer, target)
    balancer["targets"].append(target)


def _target(call: Call, body: Document) -> Document:
    private = wanted_switch(body, "use_private_ip", default=False)
    match body:
        case {"type": "server", "server": {"id": int(number)}}:
            named: Document = {"type": "server", "server": {"id": call.existing("server", number)["id"]}}
        case {"type": "label_selector", "label_selector": {"selector": str(text)}} if text:
            selector(text)
            named = {"type": "label_selector", "label_selector": {"selector": text}}
        case {"type": "ip", "ip": {"ip": str(address)}}:
            named, private = {"type": "ip", "ip": {"ip": _outside(address)}}, False
        case _:
            raise invalid("type", "must name a server, a label selector or an ip")
    return {**named, "use_private_ip": private}


def _outside(address: str) -> str:
    """Only addresses of Hetzner's dedicated servers may be named, and the simulation has none."""
    try:
        ipaddress.ip_address(address)
    except ValueError as error:
        raise invalid("ip", str(error)) from error
    raise Refusal("ip_not_owned", f"IP {address} is not owned by the project's owner")


def _same(one: Document, other: Document) -> bool:
    return all(one.get(field) == other.get(field) for field in IDENTITY)


def _refuse_if_unreachable(call: Call, balancer: Document, target: Document) -> None:
    networks = {each["network"] for each in balancer["private_net"]}
    if target["use_private_ip"] and not networks:
        raise Refusal("load_balancer_not_attached_to_network", "load balancer is not attached to a network")
    if not target["use_private_ip"] and not balancer["public_interface"]:
        raise Refusal(
            "load_balancer_public_interface_disabled", "load balancer's public interface is disabled"
        )
    if target["type"] != "server":
        return
    server = call.existing("server", target["server"]["id"])
    if not target["use_private_ip"] and server["ipv4"] is None:
        raise Refusal("missing_ipv4", "server has no public IPv4")
    if target["use_private_ip"] and not networks & {each["network"] for each in server["private_net"]}:
        raise Refusal("server_not_attached_to_network", "server is not in the load balancer's network")


def remove(call: Call) -> Answer:
    """The code for a target that is not there is the one the provider looks for."""
    balancer = call.find("load_balancer")
    kept = [target for target in balancer["targets"] if not _same(call.body, target)]
    if len(kept) == len(balancer["targets"]):
        raise Refusal("load_balancer_target_not_found", "target not found", status=404)
    balancer["targets"] = kept
    return _changed(call, balancer, "remove_target")


def _changed(call: Call, balancer: Document, command: str) -> Answer:
    call.store.put("load_balancer", balancer)
    return Answer({"action": actions.start(call, command, [("load_balancer", balancer["id"])])}, 201)
