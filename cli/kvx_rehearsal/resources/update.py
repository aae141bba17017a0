"""Changing name and labels, the same for every kind.

Public documentation, the "Update" call of each kind: labels in a request replace all there are.
"""

from kvx_rehearsal import labels
from kvx_rehearsal.call import Call, wanted_text
from kvx_rehearsal.refusals import not_unique
from kvx_rehearsal.store import Document


def updated(call: Call, kind: str) -> Document:
    """The resource with the name and labels of the request, stored."""
    document = call.find(kind)
    if call.body.get("name") is not None:
        name = wanted_text(call.body, "name")
        namesake = call.store.named(kind, name)
        if namesake is not None and namesake["id"] != document["id"]:
            raise not_unique(kind)
        document["name"] = name
    if call.body.get("labels") is not None:
        document["labels"] = labels.checked(call.body["labels"])
    call.store.put(kind, document)
    return document
