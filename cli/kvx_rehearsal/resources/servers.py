"""Servers: shown, renamed, deleted. Rules: public documentation, "Servers"; hcloud-go, schema/server.go."""

import re

from kvx_rehearsal import actions
from kvx_rehearsal.call import Answer, Call, refuse_if_protected
from kvx_rehearsal.lists import listing
from kvx_rehearsal.refusals import invalid
from kvx_rehearsal.resources import firewalls, placement_groups
from kvx_rehearsal.resources.primary_ips import dns_name
from kvx_rehearsal.resources.update import updated
from kvx_rehearsal.store import Document

# RFC 1123, as the documentation asks for.
HOST_NAME = re.compile(
    r"(?=.{1,253}$)[A-Za-z0-9]([-A-Za-z0-9]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([-A-Za-z0-9]{0,61}[A-Za-z0-9])?)*"
)


def shown(call: Call, server: Document) -> Document:
    """As the API shows it; datacenter is gone since 2026-07-01."""
    server_type = call.catalogue.server_type(server["type"])
    group = call.store.one("placement_group", server["placement_group"] or 0)
    return {
        "id": server["id"],
        "name": server["name"],
        "status": server["status"],
        "created": server["created"],
        "public_net": _public_net(call, server),
        "private_net": server["private_net"],
        "server_type": server_type,
        "location": call.catalogue.location(server["location"]),
        "image": call.catalogue.image(server["image"], server_type["architecture"]),
        "iso": None,
        "rescue_enabled": False,
        "locked": actions.is_locked(call.store, server["id"]),
        "backup_window": server["backup_window"],
        "outgoing_traffic": 0,
        "ingoing_traffic": 0,
        "included_traffic": _included_traffic(server_type, server["location"]),
        "protection": server["protection"],
        "labels": server["labels"],
        "volumes": [volume["id"] for volume in call.store.all("volume") if volume["server"] == server["id"]],
        "load_balancers": _load_balancers(call, server),
        "primary_disk_size": server["primary_disk_size"],
        "placement_group": placement_groups.shown(call.store, group) if group else None,
    }


def _included_traffic(server_type: Document, place: str) -> int:
    prices = [price for price in server_type["prices"] if price["location"] == place]
    return int(prices[0]["included_traffic"]) if prices else 0


def _load_balancers(call: Call, server: Document) -> list[int]:
    return [
        balancer["id"]
        for balancer in call.store.all("load_balancer")
        if any(target.get("server") == {"id": server["id"]} for target in balancer["targets"])
    ]


def _public_net(call: Call, server: Document) -> Document:
    ipv4, ipv6 = (call.store.one("primary_ip", server[kind] or 0) for kind in ("ipv4", "ipv6"))
    return {
        "ipv4": ipv4
        and {"id": ipv4["id"], "ip": ipv4["ip"], "blocked": False, "dns_ptr": dns_name(ipv4["ip"])},
        "ipv6": ipv6 and {"id": ipv6["id"], "ip": ipv6["ip"], "blocked": False, "dns_ptr": []},
        "floating_ips": [],
        "firewalls": [
            {"id": number, "status": "applied"} for number in firewalls.on_server(call.store, server)
        ],
    }


def several(call: Call) -> Answer:
    return listing(call, "servers", [shown(call, server) for server in call.store.all("server")])


def one(call: Call) -> Answer:
    return Answer({"server": shown(call, call.find("server"))})


def update(call: Call) -> Answer:
    if call.body.get("name") is not None:
        refuse_if_no_host_name(str(call.body["name"]))
    return Answer({"server": shown(call, updated(call, "server"))})


def refuse_if_no_host_name(name: str) -> None:
    if HOST_NAME.fullmatch(name) is None:
        raise invalid("name", "must be a valid hostname")


def delete(call: Call) -> Answer:
    """Gone at once; what was attached is detached (public documentation, "Delete a Server").

    Also while an action runs on it, which ends as canceled: else one without end could never be cleaned up.
    """
    server = call.find("server")
    refuse_if_protected("server", server)
    concerned = ("server", server["id"])
    actions.cancel(call, concerned)
    for volume in call.store.all("volume"):
        if volume["server"] == server["id"]:
            call.store.put("volume", {**volume, "server": None})
    for kind in ("ipv4", "ipv6"):
        ip = call.store.one("primary_ip", server[kind] or 0)
        if ip is not None and ip["auto_delete"]:
            call.store.remove("primary_ip", ip["id"])
    _forget(call, server["id"])
    call.store.remove("server", server["id"])
    return Answer({"action": actions.start(call, "delete_server", [concerned])})


def _forget(call: Call, number: int) -> None:
    """Takes a server off the firewalls and load balancers that name it."""
    for kind, field in (("firewall", "applied_to"), ("load_balancer", "targets")):
        for document in call.store.all(kind):
            kept = [each for each in document[field] if each.get("server") != {"id": number}]
            if kept != document[field]:
                call.store.put(kind, {**document, field: kept})
