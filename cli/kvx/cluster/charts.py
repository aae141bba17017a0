"""Add-ons of others, which k3s installs from charts: what they bring, and what is left out elsewhere."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kvx.cluster.order import Object

GROUP = "helm.cattle.io"
# Kinds that come with a chart, as `Kind.group` with commas between: an annotation of a HelmChart.
BRINGS = "kvx/brings"
INSTALL_SECONDS = 300.0

GroupKind = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Fitting:
    """What a cluster can take of some objects, and the names of what only k3s could."""

    objects: tuple[Object, ...]
    left_out: tuple[str, ...] = ()


def left_out_words(left_out: Collection[str]) -> str:
    """`left out HelmChart cert-manager: the cluster is no k3s`."""
    return f"left out {', '.join(left_out)}: the cluster is no k3s, which alone knows such objects"


def fitted(objects: Iterable[Object], known: Collection[GroupKind]) -> Fitting:
    """`known` are kinds of k3s that the cluster has; objects of all other groups stay."""
    everything = tuple(objects)
    out = [each for each in everything if kind_of(each)[0] == GROUP and kind_of(each) not in known]
    names = tuple(f"{each.get('kind')} {(each.get('metadata') or {}).get('name')}" for each in out)
    return Fitting(tuple(each for each in everything if each not in out), names)


def kind_of(item: Object) -> GroupKind:
    return str(item.get("apiVersion", "")).rpartition("/")[0], str(item.get("kind"))


def brought_by(chart: Object) -> frozenset[GroupKind]:
    """Group and kind of what a chart says that it brings; nothing of what is no chart."""
    if kind_of(chart) != (GROUP, "HelmChart"):
        return frozenset()
    said = str(((chart.get("metadata") or {}).get("annotations") or {}).get(BRINGS) or "")
    parts = (each.strip().partition(".") for each in said.split(",") if each.strip())
    return frozenset((group, kind) for kind, _, group in parts)


def brought(objects: Iterable[Object]) -> frozenset[GroupKind]:
    """By all charts among the objects."""
    return frozenset(kind for each in objects for kind in brought_by(each))


def awaited(objects: Collection[Object]) -> Mapping[GroupKind, str]:
    """The kinds that charts bring and others among the objects are of, with the apiVersion these name."""
    coming = brought(objects)
    return {kind_of(each): str(each["apiVersion"]) for each in objects if kind_of(each) in coming}


def why_it_failed(chart: Object | None) -> str | None:
    """What k3s says of a chart that it cannot install; None while it has not given up."""
    conditions: list[Mapping[str, Any]] = ((chart or {}).get("status") or {}).get("conditions") or []
    for each in conditions:
        if each.get("type") == "Failed" and each.get("status") == "True":
            return str(each.get("message") or each.get("reason") or "no reason given")
    return None
