"""Objects as they may be shown: without what the server writes, and without what is secret."""

from collections.abc import Mapping
from typing import Any

Object = Mapping[str, Any]

# What a server keeps for itself, and what nobody wants to see changing.
SERVER_FIELDS = ("managedFields", "resourceVersion", "uid", "creationTimestamp", "generation", "selfLink")
SERVER_ANNOTATIONS = (
    "deployment.kubernetes.io/revision",
    "kubectl.kubernetes.io/last-applied-configuration",
    "control-plane.alpha.kubernetes.io/leader",
)
HIDDEN = "***"
HIDDEN_BEFORE, HIDDEN_AFTER = "*** (before)", "*** (after)"


def shown(item: Object | None) -> dict[str, Any] | None:
    """The object without status and what else the server writes."""
    if item is None:
        return None
    rest = {key: value for key, value in item.items() if key != "status"}
    metadata = {key: value for key, value in (item.get("metadata") or {}).items() if key not in SERVER_FIELDS}
    annotations = metadata.get("annotations") or {}
    metadata["annotations"] = {
        name: value for name, value in annotations.items() if name not in SERVER_ANNOTATIONS
    }
    if not metadata["annotations"]:
        del metadata["annotations"]
    return {**rest, "metadata": metadata}


def masked(
    before: Object | None, after: Object | None
) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """Both with the values of a Secret hidden; that one was changed can still be seen."""
    if (before or after or {}).get("kind") != "Secret":
        return (None if before is None else dict(before)), (None if after is None else dict(after))
    old, new = _values(before), _values(after)
    changed = {key for key in old.keys() & new.keys() if old[key] != new[key]}
    return _hidden(before, changed, HIDDEN_BEFORE), _hidden(after, changed, HIDDEN_AFTER)


def _values(item: Object | None) -> dict[tuple[str, str], object]:
    fields = ((name, (item or {}).get(name)) for name in ("data", "stringData"))
    return {
        (name, key): value
        for name, part in fields
        if isinstance(part, Mapping)
        for key, value in part.items()
    }


def _hidden(item: Object | None, changed: set[tuple[str, str]], word: str) -> dict[str, Any] | None:
    if item is None:
        return None
    hidden: dict[str, Any] = dict(item)
    for name in ("data", "stringData"):
        if isinstance(item.get(name), Mapping):
            hidden[name] = {key: word if (name, key) in changed else HIDDEN for key in item[name]}
    return hidden
