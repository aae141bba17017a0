"""Answers from logs: how much of it is trouble, and the last of it. Whatever a log says is untrusted."""

import re

from voice_api.cluster.protocol import Cluster, Item
from voice_api.commands.answers.objects import found, pods_of
from voice_api.commands.answers.reading import in_place, name_of, namespace_of, shortly, spec
from voice_api.commands.answers.troubles import pod_trouble
from voice_api.commands.functions import Answer
from voice_api.commands.registry.declaring import Call
from voice_api.commands.wording import number

LINES = 50
TROUBLED = re.compile(r"(?i)\b(error|fatal|panic|exception|critical|traceback|failed|refused)\b")


def logs(cluster: Cluster, call: Call) -> Answer:
    """Say what the last lines of the log tell."""
    workload, _ = found(cluster, call)
    who = f"{name_of(workload)}{in_place(namespace_of(workload))}"
    pods = pods_of(cluster, workload)
    if not pods:
        return Answer(f"{who} has no pods, and so no log.", {"lines": [], "pod": None})
    pod = max(pods, key=_worth_reading)
    container = _container(pod)
    lines = cluster.explorer.log(
        namespace_of(pod), name_of(pod), container, int(call.values.get("lines") or LINES)
    )
    troubled = [each for each in lines if TROUBLED.search(each)]
    data = {
        "pod": name_of(pod),
        "container": container,
        "count": len(lines),
        "troubled": len(troubled),
        "untrusted": True,
        "lines": [each[:1_000] for each in lines],
    }
    return Answer(_sentence(who, lines, troubled), data)


def _sentence(who: str, lines: tuple[str, ...], troubled: list[str]) -> str:
    if not lines:
        return f"The log of {who} is empty."
    some = f"the last {number(len(lines))} lines of {who}" if len(lines) > 1 else f"the last line of {who}"
    if not troubled:
        return f"I see no errors in {some}. The last line says: {shortly(lines[-1])}."
    many = "one error" if len(troubled) == 1 else f"{number(len(troubled))} errors"
    return f"I see {many} in {some}. The last of them says: {shortly(troubled[-1])}."


def _worth_reading(pod: Item) -> tuple[bool, str]:
    """One that is in trouble before one that is not, and of those the youngest."""
    return pod_trouble(pod) is not None, str(pod["metadata"].get("creationTimestamp") or "")


def _container(pod: Item) -> str | None:
    """The first one, which is the pod's own; others stand beside it."""
    names = [str(each.get("name")) for each in spec(pod).get("containers") or ()]
    return names[0] if names else None
