"""Answers from events: what happened lately. Whatever an event says was written by others."""

from collections import Counter

from voice_api.cluster.protocol import Cluster, Item
from voice_api.commands.answers.reading import name_of, namespace_of, owner, shortly
from voice_api.commands.functions import DATA_ITEMS, SPOKEN_ITEMS, Answer
from voice_api.commands.registry.declaring import Call
from voice_api.commands.wording import at_most, number, place, trouble

KINDS = {"deployment": "Deployment", "statefulset": "StatefulSet", "daemonset": "DaemonSet", "pod": "Pod",
         "node": "Node", "job": "Job", "service": "Service"}  # fmt: skip


def events(cluster: Cluster, call: Call) -> Answer:
    """Say what happened lately, to one object or in a namespace."""
    name, namespace = call.values.get("name"), call.values.get("namespace")
    every = sorted(cluster.explorer.objects("event", namespace), key=_when, reverse=True)
    mine = [each for each in every if name is None or _about(each, str(name))]
    warnings = [each for each in mine if each.get("type") == "Warning"]
    data = {
        "name": name,
        "namespace": namespace,
        "count": len(mine),
        "warnings": len(warnings),
        "untrusted": True,
        "events": [_told(each) for each in mine[:DATA_ITEMS]],
    }
    about = f" to {name}{place(namespace)}" if name else place(namespace)
    if not mine:
        return Answer(f"Nothing happened{about} lately.", data)
    if not warnings:
        return Answer(f"{number(len(mine)).capitalize()} things happened{about} lately, no warnings.", data)
    groups = Counter((_object(each), _why(each)) for each in warnings).most_common()
    said = [f"{who}, {why}" if times == 1 else f"{who}, {why}, {number(times)} times"
            for (who, why), times in groups]  # fmt: skip
    head = f"{number(len(warnings)).capitalize()} warning{'' if len(warnings) == 1 else 's'}{about}"
    return Answer(f"{head}: {'; '.join(at_most(said, SPOKEN_ITEMS))}.", data)


def last_warning(cluster: Cluster, item: Item) -> str | None:
    """What the last warning about an object, or a pod of it, says."""
    found = cluster.explorer.objects("event", namespace_of(item) or None)
    mine = [each for each in found if each.get("type") == "Warning" and _about(each, name_of(item))]
    return shortly(str(max(mine, key=_when).get("message", ""))) if mine else None


def _about(event: Item, name: str) -> bool:
    """Whether an event is of this object, or of something that it made."""
    about = str((event.get("involvedObject") or {}).get("name", ""))
    return about == name or about.startswith(f"{name}-")


def _when(event: Item) -> str:
    """RFC 3339 in UTC, which sorts as it is."""
    last = event.get("lastTimestamp") or event.get("eventTime")
    return str(last or event["metadata"].get("creationTimestamp") or "")


def _object(event: Item) -> str:
    return str((event.get("involvedObject") or {}).get("name", owner(event)))


def _why(event: Item) -> str:
    return trouble(str(event.get("reason") or "") or None, "Unknown")


def _told(event: Item) -> dict[str, object]:
    about = event.get("involvedObject") or {}
    return {
        "kind": about.get("kind"),
        "namespace": about.get("namespace"),
        "name": about.get("name"),
        "type": event.get("type"),
        "reason": event.get("reason"),
        "message": shortly(str(event.get("message", ""))),
        "count": event.get("count"),
        "at": _when(event),
    }
