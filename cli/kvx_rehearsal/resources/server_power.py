"""Power and rebuilding of servers. Rules: public documentation, "Server Actions"."""

import secrets

from kvx_rehearsal import actions
from kvx_rehearsal.call import Answer, Call, refuse_if_protected
from kvx_rehearsal.refusals import Refusal
from kvx_rehearsal.store import Document


def power_on(call: Call) -> Answer:
    """A server requires at least one network interface (public documentation, "Unassign a Primary IP")."""
    server = _unlocked(call)
    if not (server["ipv4"] or server["ipv6"] or server["private_net"]):
        raise Refusal("service_error", "server has no network interface")
    return _power(
        call, server, "start_server", "running" if server["status"] == "running" else "starting", "running"
    )


def power_off(call: Call) -> Answer:
    server = _unlocked(call)
    return _power(call, server, "stop_server", "off" if server["status"] == "off" else "stopping", "off")


def shut_down(call: Call) -> Answer:
    server = _unlocked(call)
    if server["status"] == "off":
        raise Refusal("service_error", "server is not running")
    return _power(call, server, "shutdown_server", "stopping", "off")


def reboot(call: Call) -> Answer:
    return _restarted(call, "reboot_server")


def reset(call: Call) -> Answer:
    return _restarted(call, "reset_server")


def rebuild(call: Call) -> Answer:
    """Another image of the same architecture; it runs afterwards."""
    server = _unlocked(call)
    refuse_if_protected("server", server, "rebuild")
    architecture = call.catalogue.server_type(server["type"])["architecture"]
    server["image"] = call.catalogue.image(call.body.get("image"), architecture)["id"]
    server["made_anew"] = server.get("made_anew", 0) + 1
    answer = _power(call, server, "rebuild_server", "rebuilding", "running")
    password = None if server["ssh_keys"] else secrets.token_urlsafe(12)
    return Answer({**(answer.body or {}), "root_password": password}, 201)


def _restarted(call: Call, command: str) -> Answer:
    server = _unlocked(call)
    counted = {**server, "restarts": server.get("restarts", 0) + 1}
    return _power(call, counted, command, "running", "running")


def _unlocked(call: Call) -> Document:
    server = call.find("server")
    actions.refuse_if_locked(call, server["id"])
    return server


def _power(call: Call, server: Document, command: str, now: str, then: str) -> Answer:
    call.store.put("server", {**server, "status": now})
    effect = ("server", server["id"], {"status": then})
    return Answer({"action": actions.start(call, command, [("server", server["id"])], [effect])}, 201)
