"""The apply set of KEP-3659: which objects belong together, so that what is no longer wanted can go.

https://github.com/kubernetes/enhancements/tree/master/keps/sig-cli/3659-kubectl-apply-prune
"""

import base64
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Object = Mapping[str, Any]

ID = "applyset.kubernetes.io/id"
MEMBER = "applyset.kubernetes.io/part-of"
TOOLING = "applyset.kubernetes.io/tooling"
GROUP_KINDS = "applyset.kubernetes.io/contains-group-kinds"
NAMESPACES = "applyset.kubernetes.io/additional-namespaces"
PARENT_NAME = "kvx"
PARENT_KIND = "ConfigMap"


@dataclass(frozen=True, slots=True)
class Reach:
    """Where members may be: `Kind.group` each, and namespaces beside the parent's."""

    group_kinds: frozenset[str]
    namespaces: frozenset[str]

    def __or__(self, other: "Reach") -> "Reach":
        return Reach(self.group_kinds | other.group_kinds, self.namespaces | other.namespaces)


def id_of(namespace: str) -> str:
    """The id of the set whose parent is kvx's in that namespace."""
    name = f"{PARENT_NAME}.{namespace}.{PARENT_KIND}."  # the core has no group
    digest = hashlib.sha256(name.encode()).digest()
    return f"applyset-{base64.urlsafe_b64encode(digest).decode().rstrip('=')}-v1"


def member(item: Object, namespace: str) -> dict[str, Any]:
    """The object with the label of the set."""
    metadata = dict(item.get("metadata") or {})
    labels = {**(metadata.get("labels") or {}), MEMBER: id_of(namespace)}
    return {**item, "metadata": {**metadata, "labels": labels}}


def reach_of(objects: Iterable[Object], namespace: str) -> Reach:
    """What the parent has to say of a set with these members."""
    everything = tuple(objects)
    inside = {str((each.get("metadata") or {}).get("namespace") or "") for each in everything}
    return Reach(frozenset(map(group_kind, everything)), frozenset(inside - {"", namespace}))


def group_kind(item: Object) -> str:
    """`Deployment.apps`, and `ConfigMap` for the core."""
    group = str(item.get("apiVersion", "")).rpartition("/")[0]
    return f"{item.get('kind')}.{group}" if group else str(item.get("kind"))


def parent(namespace: str, reach: Reach, tool: str) -> dict[str, Any]:
    """The parent as it is applied; `tool` is name/version."""
    annotations = {TOOLING: tool, GROUP_KINDS: ",".join(sorted(reach.group_kinds))}
    if reach.namespaces:
        annotations[NAMESPACES] = ",".join(sorted(reach.namespaces))
    labels = {ID: id_of(namespace), "app.kubernetes.io/part-of": "kvx", "app.kubernetes.io/managed-by": "kvx"}
    metadata = {"name": PARENT_NAME, "namespace": namespace, "labels": labels, "annotations": annotations}
    return {"apiVersion": "v1", "kind": PARENT_KIND, "metadata": metadata}


def reach_in(parent_object: Object) -> Reach:
    """What a parent in the cluster says; nothing for one that says nothing."""
    annotations = (parent_object.get("metadata") or {}).get("annotations") or {}
    return Reach(_words(annotations.get(GROUP_KINDS)), _words(annotations.get(NAMESPACES)))


def _words(text: object) -> frozenset[str]:
    return frozenset(each for each in str(text or "").split(",") if each)
