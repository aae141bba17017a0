"""Actions: made running, settled when their time has come, also after a kill.

Public documentation, "Actions": what takes time is answered with an action, which ends as success or error.
"""

import math
from collections.abc import Sequence

from kvx_rehearsal.call import Answer, Call, stamp
from kvx_rehearsal.lists import listing
from kvx_rehearsal.refusals import Refusal, not_found
from kvx_rehearsal.store import Document, Store

FIRST_ACTION = 8_150_001
SOME_SECONDS = 0.3
SECONDS = {
    "create_server": 1.0,
    "start_server": 0.5,
    "stop_server": 0.5,
    "shutdown_server": 0.5,
    "reboot_server": 0.5,
    "delete_server": 0.5,
    "change_server_type": 1.0,
    "rebuild_server": 1.5,
    "create_load_balancer": 0.6,
    "change_protection": 0.1,
}
# Public documentation, "Errors": locked means that an action already runs on the resource; which ones do:
# csi-driver issue 418.
LOCKING = {
    "create_server",
    "start_server",
    "stop_server",
    "shutdown_server",
    "reboot_server",
    "reset_server",
    "rebuild_server",
    "change_server_type",
    "attach_to_network",
    "detach_from_network",
    "change_alias_ips",
    "attach_volume",
    "detach_volume",
    "enable_backup",
    "disable_backup",
    "add_to_placement_group",
    "remove_from_placement_group",
}

# Changes of a network itself; servers come and go without a conflict.
OF_A_NETWORK = {"add_subnet", "delete_subnet", "add_route", "delete_route", "change_ip_range"}

Resource = tuple[str, int]
Effect = tuple[str, int, Document]


def start(
    call: Call, command: str, concerned: Sequence[Resource], then: Sequence[Effect] = (), after: float = 0.0
) -> Document:
    """A running action; `then` is set on resources when it succeeds. `after`: seconds it waits first."""
    seconds = after + call.timing.seconds.get(command, SECONDS.get(command, SOME_SECONDS))
    action = {
        "id": call.store.next_number("action", FIRST_ACTION),
        "command": command,
        "status": "running",
        "started_at": call.now,
        "ends_at": call.now + seconds / call.timing.speed,
        "finished_at": None,
        "error": None,
        "fails_with": None,
        "resources": [{"type": kind, "id": number} for kind, number in concerned],
        "then": [list(effect) for effect in then],
    }
    call.store.put_action(action)
    return shown(action, call.now)


def settle(store: Store, now: float, held: frozenset[int] = frozenset()) -> None:
    """Ends every action whose time has come, with what it brings about; not on servers that are held."""
    for action in store.running_actions(due_at=now):
        if held & servers_of(action) and action["fails_with"] is None:
            continue
        error = action["fails_with"]
        if error is None:
            store.now = action["ends_at"]
            _bring_about(store, action["then"])
        end = {"finished_at": action["ends_at"], "error": error}
        store.put_action({**action, **end, "status": "error" if error else "success"})


def _bring_about(store: Store, effects: list[Effect]) -> None:
    for kind, number, changes in effects:
        document = store.one(kind, number)
        if document is not None:
            store.put(kind, {**document, **changes})


def cancel(call: Call, concerned: Resource) -> None:
    """Ends what still runs on a resource that goes away; "canceled" as users have seen it."""
    for action in running_on(call.store, concerned):
        error = {"code": "canceled", "message": "canceled"}
        call.store.put_action({**action, "status": "error", "finished_at": call.now, "error": error})


def running_on(store: Store, concerned: Resource) -> list[Document]:
    kind, number = concerned
    return [
        action for action in store.running_actions() if {"type": kind, "id": number} in action["resources"]
    ]


def is_locked(store: Store, number: int) -> bool:
    return any(action["command"] in LOCKING for action in running_on(store, ("server", number)))


def refuse_if_locked(call: Call, number: int) -> None:
    if is_locked(call.store, number):
        raise Refusal("locked", "server is locked")


def refuse_if_changing(call: Call, number: int) -> None:
    """Public documentation, "Network Actions": conflict while another change of the network is performed."""
    running = running_on(call.store, ("network", number))
    if any(action["command"] in OF_A_NETWORK for action in running):
        raise Refusal("conflict", "another change of this network is being performed")


def servers_of(action: Document) -> set[int]:
    return {concerned["id"] for concerned in action["resources"] if concerned["type"] == "server"}


def fail(store: Store, server: int, message: str, now: float) -> bool:
    """Lets what runs on a server end as failed, now and for good; False where nothing does."""
    found = running_on(store, ("server", server))
    error = {"code": "unsupported_error", "message": message}
    for action in found:
        store.put_action({**action, "fails_with": error, "ends_at": now})
    return bool(found)


def shown(action: Document, now: float) -> Document:
    """As the API shows it (hcloud-go, schema.Action)."""
    finished = action["finished_at"]
    return {
        "id": action["id"],
        "command": action["command"],
        "status": action["status"],
        "progress": 100 if finished is not None else _progress(action, now),
        "started": stamp(action["started_at"]),
        "finished": stamp(finished) if finished is not None else None,
        "resources": action["resources"],
        "error": action["error"],
    }


def _progress(action: Document, now: float) -> int:
    if action["ends_at"] is None:
        return 50
    span = action["ends_at"] - action["started_at"]
    return min(99, math.floor(100 * (now - action["started_at"]) / span)) if span > 0 else 99


def several(call: Call) -> Answer:
    """GET /actions needs ids: listing all of them was removed (changelog of 2025-01-30)."""
    wanted = {int(text) for text in call.asked("id") if text.isdigit()}
    if not wanted:
        announcement = "https://docs.hetzner.cloud/changelog#2023-06-29-actions-list"
        details = {"announcement": announcement}
        raise Refusal("deprecated_api_endpoint", "listing all actions was removed, name their ids", details)
    found = [call.store.action(number) for number in sorted(wanted)]
    return listing(call, "actions", [shown(action, call.now) for action in found if action])


def one(call: Call) -> Answer:
    """One action, by the last number of the path."""
    action = call.store.action(call.ids[-1])
    if action is None:
        raise not_found("action", call.ids[-1])
    return Answer({"action": shown(action, call.now)})


def of_kind(kind: str, call: Call) -> Answer:
    """The actions of one resource, or of all of its kind where the path names none."""
    found = [
        shown(action, call.now)
        for action in call.store.actions()
        for concerned in action["resources"]
        if concerned["type"] == kind and concerned["id"] in (call.ids or (concerned["id"],))
    ]
    return listing(call, "actions", found)
