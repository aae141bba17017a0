"""Firewalls. Rules: public documentation, "Firewalls", "Firewall Actions"; hcloud-go, schema/firewall.go."""

from kvx_rehearsal import actions, labels
from kvx_rehearsal.call import Answer, Call, wanted_list, wanted_text
from kvx_rehearsal.labels import selector
from kvx_rehearsal.lists import listing
from kvx_rehearsal.refusals import Refusal, invalid
from kvx_rehearsal.resources.firewall_rules import rules_from
from kvx_rehearsal.resources.update import updated
from kvx_rehearsal.store import Document, Store

MOST_PER_SERVER = 5


def shown(store: Store, firewall: Document) -> Document:
    applied = [_resource_shown(store, resource) for resource in firewall["applied_to"]]
    return {**firewall, "applied_to": applied}


def _resource_shown(store: Store, resource: Document) -> Document:
    if resource["type"] == "server":
        return resource
    members = [
        {"type": "server", "server": {"id": server["id"]}}
        for server in selected(store, resource["label_selector"]["selector"])
    ]
    return {**resource, "applied_to_resources": members}


def selected(store: Store, text: str) -> list[Document]:
    """Servers that match a label selector."""
    matches = selector(text)
    return [server for server in store.all("server") if matches(server["labels"])]


def on_server(store: Store, server: Document) -> list[int]:
    """Ids of the firewalls that apply to a server, by name or by label."""
    return [
        firewall["id"]
        for firewall in store.all("firewall")
        if any(_covers(resource, server) for resource in firewall["applied_to"])
    ]


def _covers(resource: Document, server: Document) -> bool:
    if resource["type"] == "server":
        return bool(resource["server"]["id"] == server["id"])
    return _has_public_net(server) and selector(resource["label_selector"]["selector"])(server["labels"])


def _has_public_net(server: Document) -> bool:
    return server["ipv4"] is not None or server["ipv6"] is not None


def several(call: Call) -> Answer:
    firewalls = [shown(call.store, firewall) for firewall in call.store.all("firewall")]
    return listing(call, "firewalls", firewalls)


def one(call: Call) -> Answer:
    return Answer({"firewall": shown(call.store, call.find("firewall"))})


def create(call: Call) -> Answer:
    name = wanted_text(call.body, "name")
    call.admit("firewall", name, "firewall")
    firewall: Document = {
        "id": call.new_id(),
        "name": name,
        "labels": labels.checked(call.body.get("labels")),
        "rules": rules_from(wanted_list(call.body, "rules")),
        "applied_to": [],
        "created": call.created,
    }
    started = _applied(call, firewall, wanted_list(call.body, "apply_to"))
    rules = actions.start(call, "set_firewall_rules", [("firewall", firewall["id"])])
    return Answer({"firewall": shown(call.store, firewall), "actions": [rules, *started]}, 201)


def update(call: Call) -> Answer:
    return Answer({"firewall": shown(call.store, updated(call, "firewall"))})


def delete(call: Call) -> Answer:
    firewall = call.find("firewall")
    if firewall["applied_to"]:
        message = f"firewall with ID '{firewall['id']}' is still in use"
        raise Refusal("resource_in_use", message)
    call.store.remove("firewall", firewall["id"])
    return Answer(status=204)


def set_rules(call: Call) -> Answer:
    firewall = call.find("firewall")
    firewall["rules"] = rules_from(wanted_list(call.body, "rules"))
    call.store.put("firewall", firewall)
    started = [actions.start(call, "set_firewall_rules", [("firewall", firewall["id"])])]
    return Answer({"actions": started}, 201)


def apply_to_resources(call: Call) -> Answer:
    return Answer({"actions": _applied(call, call.find("firewall"), wanted_list(call.body, "apply_to"))}, 201)


def _applied(call: Call, firewall: Document, resources: list[Document]) -> list[Document]:
    """Adds what a firewall applies to; one action for each."""
    started = []
    for resource in resources:
        wanted = _resource_from(call, resource)
        if wanted in firewall["applied_to"]:
            raise Refusal("firewall_already_applied", "firewall was already applied on resource")
        if wanted["type"] == "server":
            refuse_if_unfit(call, call.existing("server", wanted["server"]["id"]))
        firewall["applied_to"].append(wanted)
        concerned = _concerned(firewall, wanted)
        started.append(actions.start(call, "apply_firewall", concerned))
    call.store.put("firewall", firewall)
    return started


def applied_to_server(call: Call, firewall: Document, server: Document) -> None:
    """Part of a server's creation: the server's own action covers it."""
    refuse_if_unfit(call, server)
    firewall["applied_to"].append({"type": "server", "server": {"id": server["id"]}})
    call.store.put("firewall", firewall)


def refuse_if_unfit(call: Call, server: Document) -> None:
    if not _has_public_net(server):
        raise Refusal("private_net_only_server", "server has no public network interface")
    if len(on_server(call.store, server)) >= MOST_PER_SERVER:
        raise Refusal("service_error", f"server has already {MOST_PER_SERVER} firewalls")


def _concerned(firewall: Document, resource: Document) -> list[actions.Resource]:
    first = ("firewall", firewall["id"])
    return [first, ("server", resource["server"]["id"])] if resource["type"] == "server" else [first]


def _resource_from(call: Call, resource: Document) -> Document:
    match resource:
        case {"type": "server", "server": {"id": int(number)}}:
            if call.store.one("server", number) is None:
                raise Refusal("firewall_resource_not_found", f"server with ID '{number}' not found")
            return {"type": "server", "server": {"id": number}}
        case {"type": "label_selector", "label_selector": {"selector": str(text)}} if text:
            selector(text)
            return {"type": "label_selector", "label_selector": {"selector": text}}
    raise invalid("apply_to", "must name a server or a label selector")


def remove_from_resources(call: Call) -> Answer:
    """A server that is covered by a label cannot be removed by name."""
    firewall = call.find("firewall")
    started = []
    for resource in wanted_list(call.body, "remove_from"):
        wanted = _resource_from(call, resource)
        if wanted not in firewall["applied_to"]:
            raise _not_removable(call.store, firewall, wanted)
        firewall["applied_to"].remove(wanted)
        started.append(actions.start(call, "remove_firewall", _concerned(firewall, wanted)))
    call.store.put("firewall", firewall)
    return Answer({"actions": started}, 201)


def _not_removable(store: Store, firewall: Document, wanted: Document) -> Refusal:
    if wanted["type"] == "server":
        server = store.one("server", wanted["server"]["id"])
        if server is not None and firewall["id"] in on_server(store, server):
            message = "firewall is applied by a label selector"
            return Refusal("firewall_managed_by_label_selector", message)
    return Refusal("firewall_resource_not_found", "firewall is not applied to this resource")
