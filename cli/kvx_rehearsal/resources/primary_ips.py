"""Primary IPs. Rules: public documentation, "Primary IPs"; hcloud-go, schema/primary_ip.go."""

from kvx_rehearsal import actions, addresses, labels
from kvx_rehearsal.actions import start
from kvx_rehearsal.call import (
    Answer,
    Call,
    refuse_if_protected,
    wanted_choice,
    wanted_switch,
    wanted_text,
)
from kvx_rehearsal.lists import listing
from kvx_rehearsal.refusals import Refusal, invalid
from kvx_rehearsal.resources.update import updated
from kvx_rehearsal.store import Document, Store

TYPES = ("ipv4", "ipv6")


def shown(call: Call, ip: Document) -> Document:
    """`assignee_type` says "unassigned" when free (changelog, from 2026-08-01)."""
    holder = holder_of(call.store, ip)
    return {
        **ip,
        "location": call.catalogue.location(ip["location"]),
        "assignee_id": holder["id"] if holder else None,
        "assignee_type": "server" if holder else "unassigned",
        "dns_ptr": [{"ip": ip["ip"], "dns_ptr": dns_name(ip["ip"])}] if ip["type"] == "ipv4" else [],
        "blocked": False,
    }


def holder_of(store: Store, ip: Document) -> Document | None:
    """The server that has it; the server's side is the one that is stored."""
    return next((server for server in store.all("server") if server[ip["type"]] == ip["id"]), None)


def dns_name(address: str) -> str:
    return f"static.{'.'.join(reversed(address.split('.')))}.clients.your-server.de"


def several(call: Call) -> Answer:
    return listing(call, "primary_ips", [shown(call, ip) for ip in call.store.all("primary_ip")])


def one(call: Call) -> Answer:
    return Answer({"primary_ip": shown(call, call.find("primary_ip"))})


def create(call: Call) -> Answer:
    """Either a location or an assignee; with an assignee there is an action."""
    name, kind = wanted_text(call.body, "name"), wanted_choice(call.body, "type", TYPES)
    call.admit("primary_ip", name, "Primary IP")
    server = _future_holder(call)
    place = server["location"] if server else wanted_text(call.body, "location")
    made_for = {"labels": labels.checked(call.body.get("labels"))}
    ip = made(call, name, kind, call.catalogue.location(place)["name"], made_for)
    ip["auto_delete"] = wanted_switch(call.body, "auto_delete", default=False)
    call.store.put("primary_ip", ip)
    action = _assigned(call, ip, server) if server else None
    return Answer({"primary_ip": shown(call, ip), "action": action}, 201)


def made(call: Call, name: str, kind: str, place: str, given: Document) -> Document:
    """A new address, stored."""
    address = addresses.public_ipv4(call.store) if kind == "ipv4" else addresses.public_ipv6(call.store)
    ip = {
        "id": call.new_id(),
        "name": name,
        "type": kind,
        "ip": address,
        "location": place,
        "labels": {},
        "auto_delete": False,
        "protection": {"delete": False},
        "created": call.created,
        **given,
    }
    call.store.put("primary_ip", ip)
    return ip


def _future_holder(call: Call) -> Document | None:
    if call.body.get("assignee_id") is None:
        return None
    if call.body.get("location"):
        raise invalid("location", "must not be used together with assignee_id")
    wanted_choice(call.body, "assignee_type", ("server",))
    return call.existing("server", call.body["assignee_id"])


def update(call: Call) -> Answer:
    ip = updated(call, "primary_ip")
    ip["auto_delete"] = wanted_switch(call.body, "auto_delete", default=ip["auto_delete"])
    call.store.put("primary_ip", ip)
    return Answer({"primary_ip": shown(call, ip)})


def delete(call: Call) -> Answer:
    """An assigned one is taken from its server, which has to be off."""
    ip = call.find("primary_ip")
    refuse_if_protected("primary_ip", ip)
    holder = holder_of(call.store, ip)
    if holder is not None:
        _take_from(call, ip, holder)
    call.store.remove("primary_ip", ip["id"])
    return Answer(status=204)


def assign(call: Call) -> Answer:
    ip = call.find("primary_ip")
    wanted_choice(call.body, "assignee_type", ("server",))
    server = call.existing("server", call.body.get("assignee_id"))
    return Answer({"action": _assigned(call, ip, server)}, 201)


def _assigned(call: Call, ip: Document, server: Document) -> Document:
    if holder_of(call.store, ip) is not None:
        raise Refusal("primary_ip_already_assigned", "primary IP is already assigned to a server")
    refuse_if_unfit(call.store, ip, ip["type"], server["location"])
    if server["status"] != "off":
        raise Refusal("server_not_stopped", "server must be stopped")
    if server[ip["type"]] is not None:
        raise Refusal(f"server_has_{ip['type']}", f"server already has an {ip['type']} address")
    call.store.put("server", {**server, ip["type"]: ip["id"]})
    return start(call, "assign_primary_ip", [("primary_ip", ip["id"]), ("server", server["id"])])


def unassign(call: Call) -> Answer:
    ip = call.find("primary_ip")
    holder = holder_of(call.store, ip)
    if holder is None:
        raise Refusal("primary_ip_not_assigned", "primary IP is not assigned")
    _take_from(call, ip, holder)
    concerned = [("primary_ip", ip["id"]), ("server", holder["id"])]
    return Answer({"action": actions.start(call, "unassign_primary_ip", concerned)}, 201)


def _take_from(call: Call, ip: Document, server: Document) -> None:
    if server["status"] != "off":
        raise Refusal("server_not_stopped", "server must be stopped")
    if ip["type"] == "ipv4" and _is_public_target(call.store, server["id"]):
        raise Refusal("server_is_load_balancer_target", "server's IPv4 is a load balancer target")
    call.store.put("server", {**server, ip["type"]: None})


def _is_public_target(store: Store, number: int) -> bool:
    return any(
        target.get("server") == {"id": number} and not target["use_private_ip"]
        for balancer in store.all("load_balancer")
        for target in balancer["targets"]
    )


def refuse_if_unfit(store: Store, ip: Document, kind: str, place: str) -> None:
    """hcloud-go, error.go, "Server related error codes"."""
    if ip["type"] != kind:
        raise Refusal("primary_ip_version_mismatch", f"primary IP is not of type {kind}")
    if holder_of(store, ip) is not None:
        raise Refusal("primary_ip_assigned", "primary IP is already assigned to a server")
    if ip["location"] != place:
        raise Refusal("primary_ip_datacenter_mismatch", "primary IP is in a different location")
