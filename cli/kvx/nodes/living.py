"""A node as Kubernetes knows it, from the object that the API server lists."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

# Kubernetes puts these on a node by itself; what they say, `reasons` and `schedulable` say already.
_OF_KUBERNETES = ("node.kubernetes.io/", "node.cloudprovider.kubernetes.io/")
_PRESSURES: Mapping[str, str] = {
    "MemoryPressure": "memory is short",
    "DiskPressure": "its disk is nearly full",
    "PIDPressure": "it runs too many processes",
    "NetworkUnavailable": "its network is not set up",
}
_DRAINED = "kvx/drained"  # the mark of the role drain
_UNKNOWN_NODE = "NodeStatusUnknown"


@dataclass(frozen=True, slots=True)
class LivingNode:
    """One node of the cluster; times in seconds since 1970, `votes` is None for one without etcd.

    `reasons` say why it is not ready, or what presses it though it is.
    """

    name: str
    ready: bool
    reasons: tuple[str, ...]
    version: str
    votes: bool | None
    created: float
    schedulable: bool
    taints: tuple[str, ...]
    address: str | None
    architecture: str
    is_server: bool
    kept_free: bool = False
    """It takes no new pods because an upgrade drained it, and not because a person has cordoned it."""


def living_node(item: Mapping[str, Any]) -> LivingNode:
    """From an object of kind Node."""
    metadata, spec, status = item["metadata"], item.get("spec") or {}, item.get("status") or {}
    conditions = {each["type"]: each for each in status.get("conditions") or ()}
    ready = conditions.get("Ready", {}).get("status") == "True"
    voter = conditions.get("EtcdIsVoter")
    information = status.get("nodeInfo") or {}
    return LivingNode(
        name=str(metadata["name"]),
        ready=ready,
        reasons=(*_not_ready(conditions.get("Ready"), ready=ready), *_pressures(conditions)),
        version=str(information.get("kubeletVersion", "")),
        votes=None if voter is None else voter.get("status") == "True",
        created=_seconds(metadata.get("creationTimestamp")),
        schedulable=not spec.get("unschedulable", False),
        taints=tuple(_taints(spec.get("taints") or ())),
        address=_address(status.get("addresses") or ()),
        architecture=str(information.get("architecture", "")),
        is_server="node-role.kubernetes.io/control-plane" in (metadata.get("labels") or {}),
        kept_free=_DRAINED in (metadata.get("annotations") or {}),
    )


def _not_ready(condition: Mapping[str, Any] | None, *, ready: bool) -> tuple[str, ...]:
    if ready:
        return ()
    if condition is None:
        return ("it has not said yet how it is",)
    if condition.get("reason") == _UNKNOWN_NODE or condition.get("status") == "Unknown":
        return ("it has not been heard of",)
    return (str(condition.get("message") or condition.get("reason") or "it does not say why"),)


def _pressures(conditions: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    return tuple(
        words for kind, words in _PRESSURES.items() if conditions.get(kind, {}).get("status") == "True"
    )


def _taints(taints: Sequence[Mapping[str, Any]]) -> list[str]:
    """As kubectl and kvx.toml write them, without those that Kubernetes manages."""
    own = (each for each in taints if not str(each["key"]).startswith(_OF_KUBERNETES))
    return [
        f"{each['key']}{'=' + each['value'] if each.get('value') else ''}:{each['effect']}" for each in own
    ]


def _address(addresses: Sequence[Mapping[str, Any]]) -> str | None:
    return next((str(each["address"]) for each in addresses if each.get("type") == "InternalIP"), None)


def _seconds(timestamp: object) -> float:
    return datetime.fromisoformat(str(timestamp)).timestamp() if timestamp else 0.0
