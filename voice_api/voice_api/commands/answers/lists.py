"""Answers that name objects: lists, images, restarts, and what uses the most."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from voice_api.cluster.protocol import Cluster, Item
from voice_api.commands.answers.amounts import cores, megabytes, memory, millicores
from voice_api.commands.answers.objects import found, pods_of
from voice_api.commands.answers.reading import (
    WORKLOADS,
    images,
    in_place,
    name_of,
    namespace_of,
    owner,
    restarts,
    short,
)
from voice_api.commands.functions import DATA_ITEMS, SPOKEN_ITEMS, SPOKEN_NAMES, Answer
from voice_api.commands.registry.declaring import Call
from voice_api.commands.wording import at_most, is_or_are, listed, number, place

# What is listed, its kind in the API, and what it is called when there is one and when there are several.
LISTED: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {
        "pods": ("pod", "pod", "pods"),
        "nodes": ("node", "node", "nodes"),
        "namespaces": ("namespace", "namespace", "namespaces"),
        "services": ("service", "service", "services"),
        "jobs": ("job", "job", "jobs"),
        "cron_jobs": ("cronjob", "cron job", "cron jobs"),
        "stateful_sets": ("statefulset", "stateful set", "stateful sets"),
        "daemon_sets": ("daemonset", "daemon set", "daemon sets"),
    }
)


def list_objects(cluster: Cluster, call: Call) -> Answer:
    """Name the objects of one kind."""
    kind, namespace = str(call.values["kind"]), call.values.get("namespace")
    if kind == "contexts":
        return _named(cluster.contexts, "cluster", "clusters", None, {"kind": kind})
    api_kind, one, several = LISTED[kind]
    home = None if api_kind in {"node", "namespace"} else namespace
    found = cluster.explorer.objects(api_kind, home)
    data = {
        "kind": kind,
        "namespace": namespace,
        "objects": [{"namespace": namespace_of(each), "name": name_of(each)} for each in found[:DATA_ITEMS]],
    }
    return _named([name_of(each) for each in found], one, several, home, data)


def _named(
    names: Iterable[str], one: str, several: str, namespace: str | None, data: Mapping[str, object]
) -> Answer:
    every = list(names)
    told = f"{number(len(every))} {one if len(every) == 1 else several}{place(namespace)}"
    spoken = f": {listed(at_most(every, SPOKEN_NAMES))}" if every else ""
    return Answer(f"There {is_or_are(len(every))} {told}{spoken}.", {**data, "count": len(every)})


def images_of(cluster: Cluster, call: Call) -> Answer:
    """Say which images and versions run."""
    name, namespace = call.values.get("name"), call.values.get("namespace")
    if name is not None:
        kind = call.kinds.get("name", "deployment")
        found = images(cluster.explorer.one(kind, namespace, name))
        said = listed([short(each) for each in found]) or "no image"
        return Answer(f"{name}{place(namespace)} runs {said}.", {"name": name, "images": list(found)})
    workloads = [each for kind in WORKLOADS for each in cluster.explorer.objects(kind, namespace)]
    every = sorted({image for each in workloads for image in images(each)})
    head = f"There {is_or_are(len(every))} {number(len(every))} image{'' if len(every) == 1 else 's'}"
    spoken = f": {listed(at_most([short(each) for each in every], SPOKEN_NAMES))}" if every else ""
    data = {"namespace": namespace, "count": len(every), "images": every[:DATA_ITEMS]}
    return Answer(f"{head}{place(namespace)}{spoken}.", data)


def restarted(cluster: Cluster, call: Call) -> Answer:
    """Say which pods were restarted, and how often."""
    name, namespace = call.values.get("name"), call.values.get("namespace")
    pods = (
        cluster.explorer.objects("pod", namespace)
        if name is None
        else pods_of(cluster, found(cluster, call)[0])
    )
    ranked = sorted(filter(restarts, pods), key=lambda each: (-restarts(each), name_of(each)))
    data = {
        "name": name,
        "namespace": namespace,
        "pods": [
            {"namespace": namespace_of(each), "name": name_of(each), "restarts": restarts(each)}
            for each in ranked[:DATA_ITEMS]
        ],
    }
    about = f"{name}{place(namespace)}" if name else f"the pods{place(namespace)}"
    if not ranked:
        return Answer(f"None of {about} was restarted.", data)
    if name:
        times = sum(map(restarts, ranked))
        return Answer(f"The pods of {about} were restarted {_times(times)}.", data)
    said = [f"{owner(each)}{_where(each, namespace)} {_times(restarts(each))}" for each in ranked]
    return Answer(f"Restarted {was(len(ranked))}: {'; '.join(at_most(said, SPOKEN_ITEMS))}.", data)


def was(count: int) -> str:
    return "was one pod" if count == 1 else f"were {number(count)} pods"


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{number(count)} times")


def _where(item: Item, namespace: str | None) -> str:
    return "" if namespace else in_place(namespace_of(item))


def top(cluster: Cluster, call: Call) -> Answer:
    """Say which pods or nodes use the most processor and memory."""
    kind, namespace = str(call.values["kind"]), call.values.get("namespace")
    home = None if kind == "nodes" else namespace
    found = cluster.explorer.measures(kind, home)
    ranked = sorted(found, key=lambda each: (-millicores(each), name_of(each)))
    data = {
        "kind": kind,
        "namespace": home,
        "used": [
            {
                "namespace": namespace_of(each),
                "name": name_of(each),
                "millicores": millicores(each),
                "megabytes": megabytes(each),
            }
            for each in ranked[:DATA_ITEMS]
        ],
    }
    if not ranked:
        return Answer(f"Nothing is measured of {kind}{place(home)}.", data)
    said = [
        f"{name_of(each)}{_where(each, home)} with {cores(millicores(each))} and {memory(megabytes(each))}"
        for each in ranked[:SPOKEN_ITEMS]
    ]
    return Answer(f"Of the {kind}{place(home)}, most is used by {'; '.join(said)}.", data)
