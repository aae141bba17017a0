"""Placement groups.

Rules: public documentation, "Placement Groups"; limits: product documentation, "Placement Groups", Limits
(10 servers in a spread group, 50 groups).
"""

from kvx_rehearsal import labels
from kvx_rehearsal.call import Answer, Call, wanted_choice, wanted_text
from kvx_rehearsal.lists import listing
from kvx_rehearsal.refusals import Refusal, over_limit
from kvx_rehearsal.resources.update import updated
from kvx_rehearsal.store import Document, Store

MOST_SERVERS = 10
MOST_GROUPS = 50


def shown(store: Store, group: Document) -> Document:
    return {**group, "servers": members(store, group["id"])}


def members(store: Store, number: int) -> list[int]:
    return [server["id"] for server in store.all("server") if server["placement_group"] == number]


def several(call: Call) -> Answer:
    groups = [shown(call.store, group) for group in call.store.all("placement_group")]
    return listing(call, "placement_groups", groups)


def one(call: Call) -> Answer:
    return Answer({"placement_group": shown(call.store, call.find("placement_group"))})


def create(call: Call) -> Answer:
    name = wanted_text(call.body, "name")
    call.admit("placement_group", name, "placement group")
    if call.store.count("placement_group") >= MOST_GROUPS:
        raise over_limit("placement group", "placement_groups")
    group = {
        "id": call.new_id(),
        "name": name,
        "labels": labels.checked(call.body.get("labels")),
        "type": wanted_choice(call.body, "type", ("spread",)),
        "created": call.created,
    }
    call.store.put("placement_group", group)
    return Answer({"placement_group": shown(call.store, group), "action": None}, 201)


def update(call: Call) -> Answer:
    return Answer({"placement_group": shown(call.store, updated(call, "placement_group"))})


def delete(call: Call) -> Answer:
    """In use: not stated by the documentation; the strict reading, so that an order that is wrong shows."""
    group = call.find("placement_group")
    if members(call.store, group["id"]):
        raise Refusal("resource_in_use", "placement group still has servers")
    call.store.remove("placement_group", group["id"])
    return Answer(status=204)


def refuse_if_full(store: Store, group: Document) -> None:
    """Arrives as service_error: only the words tell (kube-hetzner issue 1157)."""
    if len(members(store, group["id"])) >= MOST_SERVERS:
        message = f"placement group {group['id']} contains already {MOST_SERVERS} servers"
        raise Refusal("service_error", message)
