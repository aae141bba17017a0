"""Change of protection, the same for every kind.

Public documentation, "Change ... Protection" of each kind.
"""

from kvx_rehearsal import actions
from kvx_rehearsal.call import Answer, Call, wanted_switch
from kvx_rehearsal.refusals import invalid


def change(kind: str, call: Call) -> Answer:
    document = call.find(kind)
    asked = {operation for operation in ("delete", "rebuild") if operation in call.body}
    protection = dict(document["protection"])
    for operation in asked & protection.keys():
        protection[operation] = wanted_switch(call.body, operation, default=protection[operation])
    _check(kind, protection, document.get("auto_delete", False))
    call.store.put(kind, {**document, "protection": protection})
    return Answer({"action": actions.start(call, "change_protection", [(kind, document["id"])])}, 201)


def _check(kind: str, protection: dict[str, bool], auto_delete: bool) -> None:
    """Servers: both have to be the same. Primary IPs: not together with auto_delete."""
    if kind == "server" and protection["delete"] != protection["rebuild"]:
        raise invalid("rebuild", "delete and rebuild protection must have the same value")
    if kind == "primary_ip" and protection["delete"] and auto_delete:
        raise invalid("delete", "protection needs auto_delete to be false")
