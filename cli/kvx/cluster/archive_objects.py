"""What a backup keeps of a live object: the fields that somebody has set, nothing the server made of them.

Applied again under kvx's name, it is the object that kvx applied: the API server itself notes in
managedFields who set which field, and defaults, addresses, states and revisions are set by nobody.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

MANAGER = "kvx"

Fields = Mapping[str, Any]
Object = Mapping[str, Any]

# Controllers write these beside what people wrote, without a subresource of their own.
_OF_CONTROLLERS = (
    "autoscaling.alpha.kubernetes.io/",
    "deployment.kubernetes.io/",
    "kubectl.kubernetes.io/last-applied-configuration",
    "pv.kubernetes.io/",
    "volume.beta.kubernetes.io/",
    "volume.kubernetes.io/",
)
# Made anew by the control plane from what is kept, or of the moment only.
_MADE_ANEW = frozenset(
    {"Endpoints", "EndpointSlice", "Event", "Lease", "Pod", "ReplicaSet", "ControllerRevision"}
)
_TOKEN = "kubernetes.io/service-account-token"  # noqa: S105  a type of Secret, not a secret
_WHO_AND_WHERE = ("name", "namespace")


def is_worth_keeping(live: Object) -> bool:
    """Whether nobody else makes it: neither a controller of the cluster, nor the next moment."""
    metadata = live["metadata"]
    owned = any(each.get("controller") for each in metadata.get("ownerReferences") or ())
    made = live["kind"] in _MADE_ANEW or live.get("type") == _TOKEN
    return not owned and not made and "deletionTimestamp" not in metadata


def kept(live: Object) -> dict[str, Any]:
    """The object as it is to be applied again; without notes on who set what, all but what servers make."""
    noted = [each["fieldsV1"] for each in _noted(live)]
    picked = _picked(live, _merged(noted)) if noted else _bare(live)
    metadata = {key: live["metadata"][key] for key in _WHO_AND_WHERE if key in live["metadata"]}
    metadata |= _metadata(picked.get("metadata") or {})
    rest = {key: value for key, value in picked.items() if key not in {"metadata", "status"}}
    if live["kind"] == "Secret":  # what was set as stringData is noted as such, and lies in data
        rest.pop("stringData", None)
        rest["data"] = live.get("data") or {}
    if live["kind"] == "PersistentVolumeClaim":
        rest["spec"] = _unbound(rest.get("spec") or {})
    return {"apiVersion": live["apiVersion"], "kind": live["kind"], "metadata": metadata, **rest}


def _unbound(claim: Fields) -> dict[str, Any]:
    """The volume that a controller chose is of that cluster; a claim that names one that is gone is lost."""
    return {key: value for key, value in claim.items() if key != "volumeName"}


def set_by_others(live: Object) -> tuple[str, ...]:
    """Who beside kvx has set fields of it: a restore keeps them, and the next deploy may not."""
    names = (str(each.get("manager")) for each in _noted(live) if _says_something(each["fieldsV1"]))
    return tuple(sorted({name for name in names if name != MANAGER}))


def _noted(live: Object) -> Iterator[Mapping[str, Any]]:
    """The notes on fields of this very version; a subresource (status, scale) is a controller's."""
    for each in live["metadata"].get("managedFields") or ():
        own = each.get("apiVersion") == live["apiVersion"] and not each.get("subresource")
        if own and each.get("fieldsType") == "FieldsV1":
            yield each


def _says_something(fields: Fields) -> bool:
    """Whether more than what controllers write is in it."""
    outside = set(fields) - {"f:metadata", "f:status"}
    metadata = fields.get("f:metadata") or {}
    annotations = [key for key in metadata.get("f:annotations") or {} if key != "."]
    own = [key for key in annotations if not key.removeprefix("f:").startswith(_OF_CONTROLLERS)]
    return bool(outside or own or set(metadata) - {"f:annotations", "."})


def _merged(trees: Sequence[Fields]) -> Fields:
    """All that one of them names."""
    keys = dict.fromkeys(key for tree in trees for key in tree)
    return {key: _merged([tree[key] for tree in trees if key in tree]) for key in keys}


def _picked(value: Any, fields: Fields) -> Any:
    """The part of `value` that the fields name; a field without fields below is whole."""
    named = {key: below for key, below in fields.items() if key != "."}
    match value:
        case dict() if named:
            names = {key.removeprefix("f:"): below for key, below in named.items() if key.startswith("f:")}
            return {name: _picked(value[name], below) for name, below in names.items() if name in value}
        case list() if named:
            return [_picked(item, below) for item in value for below in _naming(item, named)]
        case _:
            return value


def _naming(item: Any, fields: Fields) -> Iterator[Fields]:
    """What is named of an item of a list: by its keys (k:), or by itself (v:)."""
    for key, below in fields.items():
        kind, _, text = key.partition(":")
        if kind == "v" and json.loads(text) == item:
            yield {}
        elif kind == "k" and isinstance(item, dict) and json.loads(text).items() <= item.items():
            yield below


def _bare(live: Object) -> dict[str, Any]:
    """Everything but the addresses and names that the server gave."""
    spec = {
        key: value
        for key, value in (live.get("spec") or {}).items()
        if key not in {"clusterIP", "clusterIPs", "volumeName", "nodeName"} or value == "None"
    }
    return {**live, **({"spec": spec} if "spec" in live else {})}


def _metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Labels and annotations; ids, times, owners and finalizers belong to what is gone."""
    annotations = {
        key: value
        for key, value in (metadata.get("annotations") or {}).items()
        if not key.startswith(_OF_CONTROLLERS)
    }
    labels = metadata.get("labels") or {}
    return {key: value for key, value in (("labels", labels), ("annotations", annotations)) if value}
