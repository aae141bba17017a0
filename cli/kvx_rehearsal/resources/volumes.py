"""Volumes. Rules: public documentation, "Volumes"; hcloud-go, schema/volume.go."""

from kvx_rehearsal import actions, labels
from kvx_rehearsal.call import (
    Answer,
    Call,
    refuse_if_protected,
    wanted_choice,
    wanted_number,
    wanted_switch,
    wanted_text,
)
from kvx_rehearsal.lists import listing
from kvx_rehearsal.refusals import Refusal, invalid
from kvx_rehearsal.resources.update import updated
from kvx_rehearsal.store import Document

SMALLEST_GB, LARGEST_GB = 10, 10_240
MOST_PER_SERVER = 16


def shown(call: Call, volume: Document) -> Document:
    device = f"/dev/disk/by-id/scsi-0HC_Volume_{volume['id']}"
    return {**volume, "location": call.catalogue.location(volume["location"]), "linux_device": device}


def several(call: Call) -> Answer:
    return listing(call, "volumes", [shown(call, volume) for volume in call.store.all("volume")])


def one(call: Call) -> Answer:
    return Answer({"volume": shown(call, call.find("volume"))})


def create(call: Call) -> Answer:
    """Attached to a server at once, or in a location for later."""
    name = wanted_text(call.body, "name")
    call.admit("volume", name, "volume")
    server = call.existing("server", call.body["server"]) if call.body.get("server") else None
    wanted_switch(call.body, "automount", default=False)
    volume = {
        "id": call.new_id(),
        "name": name,
        "size": wanted_number(call.body, "size", SMALLEST_GB, LARGEST_GB),
        "location": call.catalogue.location(_place(call, server))["name"],
        "format": wanted_choice(call.body, "format", ("ext4", "xfs")) if call.body.get("format") else None,
        "server": None,
        "status": "creating",
        "labels": labels.checked(call.body.get("labels")),
        "protection": {"delete": False},
        "created": call.created,
    }
    call.store.put("volume", volume)
    action = actions.start(
        call, "create_volume", [("volume", volume["id"])], [("volume", volume["id"], {"status": "available"})]
    )
    following = [attached(call, volume, server)] if server else []
    return Answer({"volume": shown(call, volume), "action": action, "next_actions": following}, 201)


def _place(call: Call, server: Document | None) -> object:
    if server is None:
        return call.body.get("location")
    if call.body.get("location"):
        raise invalid("location", "must not be used together with server")
    return server["location"]


def attached(call: Call, volume: Document, server: Document) -> Document:
    """The action that attaches; it locks the server."""
    if volume["server"] is not None:
        raise Refusal("volume_already_attached", "volume is already attached to a server")
    if volume["location"] != server["location"]:
        raise invalid("server", "volume and server must be in the same location")
    others = [each for each in call.store.all("volume") if each["server"] == server["id"]]
    if len(others) >= MOST_PER_SERVER:
        raise Refusal("service_error", f"server has already {MOST_PER_SERVER} volumes attached")
    volume["server"] = server["id"]
    call.store.put("volume", volume)
    concerned = [("server", server["id"]), ("volume", volume["id"])]
    return actions.start(call, "attach_volume", concerned)


def attach(call: Call) -> Answer:
    server = call.existing("server", call.body.get("server"))
    volume = call.find("volume")
    actions.refuse_if_locked(call, server["id"])
    wanted_switch(call.body, "automount", default=False)
    return Answer({"action": attached(call, volume, server)}, 201)


def detach(call: Call) -> Answer:
    volume = call.find("volume")
    number = volume["server"]
    if number is None:
        raise Refusal("service_error", f"volume with ID '{volume['id']}' is not attached to a server")
    actions.refuse_if_locked(call, number)
    call.store.put("volume", {**volume, "server": None})
    concerned = [("server", number), ("volume", volume["id"])]
    return Answer({"action": actions.start(call, "detach_volume", concerned)}, 201)


def resize(call: Call) -> Answer:
    """It can only grow."""
    volume = call.find("volume")
    size = wanted_number(call.body, "size", SMALLEST_GB, LARGEST_GB)
    if size <= volume["size"]:
        raise invalid("size", "must be larger than the current size")
    call.store.put("volume", {**volume, "size": size})
    return Answer({"action": actions.start(call, "resize_volume", [("volume", volume["id"])])}, 201)


def update(call: Call) -> Answer:
    return Answer({"volume": shown(call, updated(call, "volume"))})


def delete(call: Call) -> Answer:
    """The refusal's code and words are those that csi-driver issue 12 shows."""
    volume = call.find("volume")
    refuse_if_protected("volume", volume)
    if volume["server"] is not None:
        raise Refusal("service_error", f"volume with ID '{volume['id']}' is still attached to a server")
    call.store.remove("volume", volume["id"])
    return Answer(status=204)
