"""In which order objects are applied: what others stand on comes first; deleted they are the other way."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Object = Mapping[str, Any]

# Kinds that others need before they can be made, or before they work.
GROUND = ("Namespace", "CustomResourceDefinition")
FIRST = (
    *GROUND,
    "HelmChartConfig",
    "HelmChart",
    "StorageClass",
    "PriorityClass",
    "LimitRange",
    "ResourceQuota",
    "ServiceAccount",
    "ClusterRole",
    "Role",
    "ClusterRoleBinding",
    "RoleBinding",
    "NetworkPolicy",
    "Secret",
    "ConfigMap",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "Service",
)
WORKLOADS = ("Pod", "Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob")
LAST = ("APIService", "ValidatingWebhookConfiguration", "MutatingWebhookConfiguration")
_RANK = {kind: rank for rank, kind in enumerate((*FIRST, *WORKLOADS))}
_BETWEEN, _END = len(_RANK), len(_RANK) + 1

Key = tuple[str, str, str, str]


def ordered(objects: Iterable[Object]) -> tuple[Object, ...]:
    """Namespaces and definitions, then configuration, then workloads, then all that looks at them."""
    return tuple(sorted(objects, key=lambda each: (_rank(str(each.get("kind"))), key_of(each))))


def ground(objects: Sequence[Object]) -> tuple[tuple[Object, ...], tuple[Object, ...]]:
    """What the others stand on, and the others."""
    first = tuple(each for each in objects if each.get("kind") in GROUND)
    return first, tuple(each for each in objects if each.get("kind") not in GROUND)


def key_of(item: Object) -> Key:
    """Group, kind, namespace and name: what an object is told from others by, whatever its version."""
    metadata = item.get("metadata") or {}
    group = str(item.get("apiVersion", "")).rpartition("/")[0]
    return group, str(item.get("kind")), str(metadata.get("namespace") or ""), str(metadata.get("name"))


def _rank(kind: str) -> int:
    return _END + LAST.index(kind) if kind in LAST else _RANK.get(kind, _BETWEEN)
