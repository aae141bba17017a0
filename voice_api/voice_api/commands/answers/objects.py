"""Answers about one object: what it is, how it is, and what is wrong with it."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from voice_api.cluster.protocol import Cluster, Item
from voice_api.commands.answers.happenings import last_warning
from voice_api.commands.answers.reading import (
    WORKLOADS,
    condition,
    images,
    in_place,
    name_of,
    namespace_of,
    ready,
    restarts,
    selected,
    selector,
    short,
    spec,
    status,
    wanted,
)
from voice_api.commands.answers.troubles import (
    ended_before,
    job_troubles,
    node_troubles,
    pod_trouble,
    workload_troubles,
)
from voice_api.commands.functions import Answer
from voice_api.commands.registry.declaring import Call
from voice_api.commands.wording import listed, number


def describe(cluster: Cluster, call: Call) -> Answer:
    """Say what one object is and how it is."""
    item, kind = found(cluster, call)
    sentence = DESCRIBED[kind](item)
    data = {"kind": kind, "namespace": namespace_of(item), "name": name_of(item), "images": images(item)}
    return Answer(sentence, data)


def what_is_wrong(cluster: Cluster, call: Call) -> Answer:
    """Say why one object is not as it should be."""
    item, kind = found(cluster, call)
    who = f"{name_of(item)}{in_place(namespace_of(item))}"
    troubles = _troubles(cluster, item, kind)
    data = {
        "kind": kind,
        "namespace": namespace_of(item),
        "name": name_of(item),
        "troubles": troubles,
        "warning": last_warning(cluster, item) if troubles else None,
    }
    if not troubles:
        return Answer(f"Nothing is wrong with {who} that I can see.", data)
    return Answer(f"{who}: {'; '.join(troubles)}.", data)


def found(cluster: Cluster, call: Call) -> tuple[Item, str]:
    """The object of a call, and its kind."""
    kind = call.kinds["name"]
    return cluster.explorer.one(kind, call.values.get("namespace"), str(call.values["name"])), kind


def pods_of(cluster: Cluster, workload: Item) -> list[Item]:
    pods = cluster.explorer.objects("pod", namespace_of(workload), selector(workload))
    return [each for each in pods if selected(workload, each)]


def _troubles(cluster: Cluster, item: Item, kind: str) -> list[str]:
    match kind:
        case "node":
            return node_troubles(item)
        case "pod":
            why, before = pod_trouble(item), ended_before(item)
            last = [f"before that it ended: {before}"] if before else []
            return [why, *last] if why else []
        case "job":
            return job_troubles(item)
        case _ if kind in WORKLOADS:
            return workload_troubles(item, pods_of(cluster, item))
        case _:
            return []


def _workload(kind: str, item: Item) -> str:
    many, well = wanted(item), ready(item)
    how = "is scaled to nothing" if many == 0 else f"has {number(well)} of {number(many)} pods ready"
    runs = listed([short(each) for each in images(item)]) or "no image"
    return f"The {WORKLOADS[kind]} {_who(item)} {how} and runs {runs}."


def _pod(item: Item) -> str:
    how = pod_trouble(item) or ("finished" if status(item).get("phase") == "Succeeded" else "ready")
    again = restarts(item)
    often = f", was restarted {number(again)} time{'' if again == 1 else 's'}" if again else ""
    node = spec(item).get("nodeName")
    return f"The pod {_who(item)} is {how}{often}{f', on node {node}' if node else ''}."


def _node(item: Item) -> str:
    troubles = node_troubles(item)
    how = "is ready" if not troubles else f"has trouble: {listed(troubles)}"
    about = status(item).get("nodeInfo") or {}
    version, machine = about.get("kubeletVersion"), about.get("architecture")
    runs = f", runs {version} on {machine}" if version and machine else ""
    return f"The node {name_of(item)} {how}{runs}."


def _job(item: Item) -> str:
    troubles = job_troubles(item)
    done = condition(item, "Complete").get("status") == "True"
    active = int(status(item).get("active") or 0)
    how = listed(troubles) if troubles else "it is done" if done else f"{number(active)} pods run"
    return f"The job {_who(item)}: {how}."


def _service(item: Item) -> str:
    ports = [str(each.get("port")) for each in spec(item).get("ports") or ()]
    kind = {"ClusterIP": "inside the cluster", "NodePort": "on every node"}.get(
        str(spec(item).get("type")), "to the outside"
    )
    at = f", on port {listed(ports)}" if ports else ""
    return f"The service {_who(item)} is offered {kind}{at}."


def _who(item: Item) -> str:
    return f"{name_of(item)}{in_place(namespace_of(item))}"


DESCRIBED: Mapping[str, Callable[[Item], str]] = MappingProxyType(
    {
        "deployment": lambda item: _workload("deployment", item),
        "statefulset": lambda item: _workload("statefulset", item),
        "daemonset": lambda item: _workload("daemonset", item),
        "pod": _pod,
        "node": _node,
        "job": _job,
        "service": _service,
    }
)
