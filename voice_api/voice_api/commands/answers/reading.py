"""Reads what is told of in answers out of API objects. Pure."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from voice_api.cluster.protocol import Cluster, Item
from voice_api.commands.functions import Answer
from voice_api.commands.registry.declaring import Call

Act: TypeAlias = Callable[[Cluster, Call], Answer]
WORKLOADS: Mapping[str, str] = {
    "deployment": "deployment",
    "statefulset": "stateful set",
    "daemonset": "daemon set",
}
SPOKEN_CHARACTERS = 160


def name_of(item: Item) -> str:
    return str(item["metadata"]["name"])


def namespace_of(item: Item) -> str:
    return str(item["metadata"].get("namespace") or "")


def spec(item: Item) -> Item:
    return item.get("spec") or {}


def status(item: Item) -> Item:
    return item.get("status") or {}


def condition(item: Item, kind: str) -> Item:
    return next((each for each in status(item).get("conditions") or () if each.get("type") == kind), {})


def wanted(item: Item) -> int:
    """How many pods a workload shall have; a DaemonSet says so in its status."""
    if "desiredNumberScheduled" in status(item):
        return int(status(item)["desiredNumberScheduled"])
    return int(spec(item).get("replicas", 1))


def ready(item: Item) -> int:
    return int(status(item).get("readyReplicas") or status(item).get("numberReady") or 0)


def updated(item: Item) -> int:
    return int(status(item).get("updatedReplicas") or status(item).get("updatedNumberScheduled") or 0)


def images(item: Item) -> tuple[str, ...]:
    """Of a workload's template, or of a pod."""
    template = spec(item).get("template") or item
    return tuple(str(each.get("image", "")) for each in spec(template).get("containers") or ())


def short(image: str) -> str:
    """ "checkout 1.8.2" of an image's whole name; a digest alone is no version to be said."""
    name, _, digest = image.partition("@")
    path = name.rsplit("/", 1)[-1]
    plain, _, tag = path.partition(":")
    return f"{plain} {tag}" if tag else f"{plain} by digest" if digest else f"{plain} without a version"


def selected(item: Item, pod: Item) -> bool:
    """Whether a pod is one of a workload's, by the workload's own selector."""
    wishes = spec(item).get("selector") or {}
    labels: Mapping[str, Any] = pod["metadata"].get("labels") or {}
    wanted_labels: Mapping[str, str] = wishes.get("matchLabels") or {}
    known = wanted_labels or wishes.get("matchExpressions")
    return bool(known) and all(
        (
            *(labels.get(key) == value for key, value in wanted_labels.items()),
            *(_expressed(labels, each) for each in wishes.get("matchExpressions") or ()),
        )
    )


def selector(item: Item) -> str:
    """A workload's own selector as the API is asked for it; where it says something unknown, without that."""
    wishes = spec(item).get("selector") or {}
    equal = [f"{key}={value}" for key, value in (wishes.get("matchLabels") or {}).items()]
    return ",".join([*equal, *filter(None, map(_asked, wishes.get("matchExpressions") or ()))])


def _asked(wish: Item) -> str:
    key, values = wish["key"], ",".join(wish.get("values") or ())
    match wish.get("operator"):
        case "In":
            return f"{key} in ({values})"
        case "NotIn":
            return f"{key} notin ({values})"
        case "Exists":
            return str(key)
        case "DoesNotExist":
            return f"!{key}"
        case _:
            return ""


def _expressed(labels: Mapping[str, Any], wish: Item) -> bool:
    value, values = labels.get(wish["key"]), wish.get("values") or ()
    match wish.get("operator"):
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case _:
            return False


def containers(pod: Item) -> Iterator[Item]:
    yield from status(pod).get("containerStatuses") or ()
    yield from status(pod).get("initContainerStatuses") or ()


def restarts(pod: Item) -> int:
    return sum(int(each.get("restartCount", 0)) for each in containers(pod))


def owner(item: Item) -> str:
    """The workload a person would name for a pod: its name without what controllers add."""
    metadata = item["metadata"]
    controller = next(
        (each for each in metadata.get("ownerReferences") or () if each.get("controller")), None
    )
    template = (metadata.get("labels") or {}).get("pod-template-hash")
    if controller is None:
        return name_of(item)
    return str(controller["name"]).removesuffix(f"-{template}")


def shortly(text: str) -> str:
    """Words of others, cut to what can be listened to, without what is not to be read aloud."""
    plain = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    return plain if len(plain) <= SPOKEN_CHARACTERS else f"{plain[:SPOKEN_CHARACTERS].rstrip()} and so on"


def in_place(namespace: str) -> str:
    return f" in {namespace}" if namespace else ""
