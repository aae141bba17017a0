"""Changes of a server: type, backups, placement group. Rules: public documentation, "Server Actions"."""

from kvx_rehearsal import actions
from kvx_rehearsal.call import Answer, Call, wanted_switch
from kvx_rehearsal.refusals import Refusal
from kvx_rehearsal.resources.placement_groups import refuse_if_full
from kvx_rehearsal.store import Document

BACKUP_WINDOW = "22-02"


def change_type(call: Call) -> Answer:
    """Off, same architecture and storage, disk never smaller; afterwards it is started again."""
    server = _stopped(call)
    old = call.catalogue.server_type(server["type"])
    new = call.catalogue.server_type(call.body.get("server_type"))
    _refuse_if_unfit(server, old, new)
    if server["location"] not in call.catalogue.sold_in(new):
        raise Refusal("resource_unavailable", "error during placement")
    disk = (
        new["disk"]
        if wanted_switch(call.body, "upgrade_disk", default=False)
        else server["primary_disk_size"]
    )
    call.store.put("server", {**server, "status": "migrating"})
    changes = {"type": new["name"], "primary_disk_size": disk, "status": "running"}
    return _started(call, server, "change_server_type", changes)


def _refuse_if_unfit(server: Document, old: Document, new: Document) -> None:
    for field in ("architecture", "storage_type"):
        if old[field] != new[field]:
            raise Refusal("invalid_server_type", f"server type has another {field.replace('_', ' ')}")
    if new["name"] == old["name"]:
        raise Refusal("invalid_server_type", "server is already of this type")
    if new["disk"] < server["primary_disk_size"]:
        raise Refusal("invalid_server_type", "server type has a smaller disk")


def enable_backup(call: Call) -> Answer:
    server = _unlocked(call)
    return _changed(call, server, "enable_backup", {"backup_window": BACKUP_WINDOW})


def disable_backup(call: Call) -> Answer:
    server = _unlocked(call)
    return _changed(call, server, "disable_backup", {"backup_window": None})


def add_to_placement_group(call: Call) -> Answer:
    server = _stopped(call)
    group = call.existing("placement_group", call.body.get("placement_group"))
    if server["placement_group"] is not None:
        raise Refusal("service_error", "server is already in a placement group")
    refuse_if_full(call.store, group)
    return _changed(call, server, "add_to_placement_group", {"placement_group": group["id"]})


def remove_from_placement_group(call: Call) -> Answer:
    """A running server may leave (hcloud-go has no rule; the provider alone asks for a stopped one)."""
    server = _unlocked(call)
    if server["placement_group"] is None:
        raise Refusal("service_error", "server is not in a placement group")
    return _changed(call, server, "remove_from_placement_group", {"placement_group": None})


def _unlocked(call: Call) -> Document:
    server = call.find("server")
    actions.refuse_if_locked(call, server["id"])
    return server


def _stopped(call: Call) -> Document:
    server = _unlocked(call)
    if server["status"] != "off":
        raise Refusal("server_not_stopped", "server must be stopped before this operation")
    return server


def _changed(call: Call, server: Document, command: str, changes: Document) -> Answer:
    call.store.put("server", {**server, **changes})
    return _started(call, server, command, {})


def _started(call: Call, server: Document, command: str, then: Document) -> Answer:
    effects = [("server", server["id"], then)] if then else []
    return Answer({"action": actions.start(call, command, [("server", server["id"])], effects)}, 201)
