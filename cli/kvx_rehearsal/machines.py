"""Machines behind the servers: what each should be now, by the servers and by what is being done to them."""

import ipaddress
from collections.abc import Mapping

from kvx_rehearsal.catalogue import Catalogue
from kvx_rehearsal.store import Document, Store

# A server in any other state is off, or will be.
ON = {"starting", "running"}


def wanted(store: Store, catalogue: Catalogue) -> dict[int, Document]:
    """By server id, what its machine has to be: the words of the program that --machines names."""
    becoming = _becoming(store)
    return {
        server["id"]: _machine(store, catalogue, server, becoming.get(server["id"], str(server["status"])))
        for server in store.all("server")
    }


def _becoming(store: Store) -> dict[int, str]:
    """The status each server will have when all that runs on it has succeeded."""
    return {
        number: changes["status"]
        for action in store.running_actions()
        for kind, number, changes in action["then"]
        if kind == "server" and "status" in changes and action["fails_with"] is None
    }


def _machine(store: Store, catalogue: Catalogue, server: Document, status: str) -> Document:
    server_type = catalogue.server_type(server["type"])
    ipv4 = store.one("primary_ip", server["ipv4"] or 0)
    keys = [store.one("ssh_key", number) for number in server["ssh_keys"]]
    return {
        "id": server["id"],
        "name": server["name"],
        "architecture": server_type["architecture"],
        "image": catalogue.image(server["image"], server_type["architecture"])["name"],
        "on": status in ON,
        "restarts": server.get("restarts", 0),
        "made_anew": server.get("made_anew", 0),
        "public_ip": ipv4["ip"] if ipv4 else None,
        "networks": [_attachment(store, each) for each in server["private_net"]],
        "ssh_keys": [key["public_key"] for key in keys if key],
        "user_data": server["user_data"],
    }


def _attachment(store: Store, attached: Mapping[str, object]) -> Document:
    network = store.one("network", int(str(attached["network"]))) or {}
    first = ipaddress.IPv4Network(network["ip_range"]).network_address + 1
    return {
        "id": network["id"],
        "ip": attached["ip"],
        "alias_ips": attached["alias_ips"],
        "ip_range": network["ip_range"],
        "router": str(first),
        "routes": network["routes"],
    }
