"""The creation of a server. Rules: public documentation, "Create a Server"; hcloud-go, schema/server.go."""

import secrets

from kvx_rehearsal import actions, labels
from kvx_rehearsal.call import Answer, Call, wanted_list, wanted_switch, wanted_text
from kvx_rehearsal.refusals import Refusal, invalid
from kvx_rehearsal.resources import firewalls, placement_groups, primary_ips, server_networks, volumes
from kvx_rehearsal.resources.servers import refuse_if_no_host_name, shown
from kvx_rehearsal.store import Document

MOST_USER_DATA_BYTES = 32 * 1024


def create(call: Call) -> Answer:
    """The server, the action of its creation, and those that follow."""
    name = wanted_text(call.body, "name")
    refuse_if_no_host_name(name)
    call.admit("server", name, "server")
    server = _server(call, name)
    call.store.put("server", server)
    _fit_out(call, server)
    following = _start(call, server)
    password = None if call.body.get("ssh_keys") else secrets.token_urlsafe(12)
    answer = {"server": shown(call, server), "next_actions": following[1:], "root_password": password}
    return Answer({**answer, "action": following[0]}, 201)


def _server(call: Call, name: str) -> Document:
    server_type = call.catalogue.server_type(call.body.get("server_type"))
    image = call.catalogue.image(call.body.get("image"), server_type["architecture"])
    place = _place(call, server_type)
    if place not in call.catalogue.sold_in(server_type):
        raise Refusal("resource_unavailable", "error during placement")
    return {
        "id": call.new_id(),
        "name": name,
        "status": "initializing",
        "created": call.created,
        "type": server_type["name"],
        "image": image["id"],
        "location": place,
        "labels": labels.checked(call.body.get("labels")),
        "ssh_keys": [call.by_id_or_name("ssh_key", key)["id"] for key in wanted_list(call.body, "ssh_keys")],
        "user_data": _user_data(call),
        "ipv4": None,
        "ipv6": None,
        "private_net": [],
        "placement_group": _placement_group(call),
        "backup_window": None,
        "protection": {"delete": False, "rebuild": False},
        "primary_disk_size": server_type["disk"],
    }


def _place(call: Call, server_type: Document) -> str:
    """The asked location, that of a primary IP, or the first in which the type is sold."""
    if call.body.get("location"):
        return str(call.catalogue.location(call.body["location"])["name"])
    for kind in ("ipv4", "ipv6"):
        number = (call.body.get("public_net") or {}).get(kind)
        if number:
            return str(call.existing("primary_ip", number)["location"])
    places = call.catalogue.sold_in(server_type)
    if not places:
        raise Refusal("resource_unavailable", "error during placement")
    return places[0]


def _user_data(call: Call) -> str:
    text = str(call.body.get("user_data") or "")
    if len(text.encode()) > MOST_USER_DATA_BYTES:
        raise invalid("user_data", f"must be at most {MOST_USER_DATA_BYTES} bytes")
    return text


def _placement_group(call: Call) -> int | None:
    if not call.body.get("placement_group"):
        return None
    group = call.existing("placement_group", call.body["placement_group"])
    placement_groups.refuse_if_full(call.store, group)
    return int(group["id"])


def _fit_out(call: Call, server: Document) -> None:
    """Public addresses first, because firewalls need them."""
    for kind in ("ipv4", "ipv6"):
        _address(call, server, kind)
    call.store.put("server", server)
    for number in wanted_list(call.body, "networks"):
        server_networks.attached(call, server, call.existing("network", number), {})
    for each in wanted_list(call.body, "firewalls"):
        firewalls.applied_to_server(call, call.existing("firewall", each.get("firewall")), server)


def _address(call: Call, server: Document, kind: str) -> None:
    """A named address is taken, else one is made that goes with the server."""
    public_net = call.body.get("public_net") or {}
    if not wanted_switch(public_net, f"enable_{kind}", default=True):
        if public_net.get(kind):
            raise invalid("public_net", f"{kind} is given but not enabled")
        return
    if public_net.get(kind):
        ip = call.existing("primary_ip", public_net[kind])
        primary_ips.refuse_if_unfit(call.store, ip, kind, server["location"])
    else:
        name = f"primary_ip-{call.new_id()}"
        call.admit("primary_ip", name, "Primary IP")
        ip = primary_ips.made(call, name, kind, server["location"], {"auto_delete": True})
    server[kind] = ip["id"]


def _start(call: Call, server: Document) -> list[Document]:
    """create_server, then start_server unless it shall stay off, then the volumes."""
    concerned = [("server", server["id"])]
    wants_start = wanted_switch(call.body, "start_after_create", default=True)
    if wants_start and not (server["ipv4"] or server["ipv6"] or server["private_net"]):
        raise invalid("public_net", "a server without any network interface cannot be started")
    created = "starting" if wants_start else "off"
    effect = ("server", server["id"], {"status": created})
    started = [actions.start(call, "create_server", concerned, [effect])]
    after = call.timing.seconds.get("create_server", actions.SECONDS["create_server"])
    if wants_start:
        effect = ("server", server["id"], {"status": "running"})
        started.append(actions.start(call, "start_server", concerned, [effect], after=after))
    wanted = [call.existing("volume", number) for number in wanted_list(call.body, "volumes")]
    return [*started, *(volumes.attached(call, volume, server) for volume in wanted)]
