"""What can be asked: each function with its arguments and the level of harm it can do."""

import inspect
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, get_args

from voice_api.cluster.protocol import Cluster, Pod
from voice_api.commands.level import Level
from voice_api.commands.wording import (
    at_most,
    capitalised,
    counted,
    is_or_are,
    listed,
    number,
    place,
    trouble,
)

Kind = Literal["pods", "nodes", "namespaces", "deployments"]
KINDS: tuple[str, ...] = get_args(Kind)
SPOKEN_ITEMS = 3
SPOKEN_NAMES = 8
DATA_ITEMS = 100


@dataclass(frozen=True, slots=True)
class Answer:
    """One sentence to say, and the same as data for programs."""

    sentence: str
    data: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument; `choices` are the only values it may have, none when any name is possible."""

    name: str
    required: bool
    choices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Function:
    """One thing that can be asked; `act` is called with the cluster and the arguments by name."""

    name: str
    purpose: str
    arguments: tuple[Argument, ...]
    level: Level
    act: Callable[..., Answer]


def count(cluster: Cluster, kind: Kind, namespace: str | None = None) -> Answer:
    """Say how many pods, nodes, namespaces or deployments there are."""
    return _COUNTS[kind](cluster, namespace)


def unready_pods(cluster: Cluster, namespace: str | None = None) -> Answer:
    """Name the pods that are not ready, and why."""
    pods = cluster.pods(namespace)
    troubled = [pod for pod in pods if pod.in_trouble]
    data = {
        "namespace": namespace,
        "count": len(troubled),
        "of": len(pods),
        "pods": [_pod_data(pod) for pod in troubled[:DATA_ITEMS]],
    }
    if not pods:
        return Answer(f"There are no pods{place(namespace)}.", data)
    if not troubled:
        all_of = "The only pod" if len(pods) == 1 else f"All {counted(len(pods), 'pods')}"
        return Answer(f"{all_of}{place(namespace)} {is_or_are(len(pods))} ready.", data)
    head = f"{counted(len(troubled), 'pods')}{place(namespace)} {is_or_are(len(troubled))} not ready"
    return Answer(f"{capitalised(head)}: {'; '.join(_pods_said(troubled, namespace))}.", data)


def list_deployments(cluster: Cluster, namespace: str | None = None) -> Answer:
    """Name the deployments and how many of their pods are ready."""
    found = cluster.deployments(namespace)
    data = {
        "namespace": namespace,
        "count": len(found),
        "deployments": [
            {"namespace": each.namespace, "name": each.name, "replicas": each.replicas, "ready": each.ready}
            for each in found[:DATA_ITEMS]
        ],
    }
    if not found:
        return Answer(f"There are no deployments{place(namespace)}.", data)
    # The same name in two namespaces is said with both, not twice.
    twice = {name for name, times in Counter(each.name for each in found).items() if times > 1}
    names = [f"{each.name} in {each.namespace}" if each.name in twice else each.name for each in found]
    head = f"There {is_or_are(len(found))} {counted(len(found), 'deployments')}{place(namespace)}"
    return Answer(f"{head}: {listed(at_most(names, SPOKEN_NAMES))}.", data)


def _count_pods(cluster: Cluster, namespace: str | None) -> Answer:
    pods = cluster.pods(namespace)
    finished = sum(pod.finished for pod in pods)
    troubled = sum(pod.in_trouble for pod in pods)
    parts = [
        f"{number(some)} {state}" for some, state in ((troubled, "not ready"), (finished, "finished")) if some
    ]
    detail = f", {listed(parts)}" if parts else _ready(len(pods), len(pods))
    return _counted("pods", len(pods), namespace, detail, not_ready=troubled, finished=finished)


def _count_nodes(cluster: Cluster, namespace: str | None) -> Answer:
    nodes = cluster.nodes()
    ready = sum(node.ready for node in nodes)
    return _counted("nodes", len(nodes), None, _whole(namespace) + _ready(ready, len(nodes)))


def _count_namespaces(cluster: Cluster, namespace: str | None) -> Answer:
    names = [each.name for each in cluster.namespaces()]
    spoken = f": {listed(at_most(names, SPOKEN_NAMES))}" if names else ""
    return _counted("namespaces", len(names), None, _whole(namespace) + spoken, names=names[:DATA_ITEMS])


def _count_deployments(cluster: Cluster, namespace: str | None) -> Answer:
    found = cluster.deployments(namespace)
    complete = sum(each.ready >= each.replicas for each in found)
    return _counted("deployments", len(found), namespace, _ready(complete, len(found)))


_COUNTS: Mapping[Kind, Callable[[Cluster, str | None], Answer]] = MappingProxyType(
    {
        "pods": _count_pods,
        "nodes": _count_nodes,
        "namespaces": _count_namespaces,
        "deployments": _count_deployments,
    }
)


def _ready(ready: int, total: int) -> str:
    if total == 0:
        return ""
    if ready == total:
        return ", ready" if total == 1 else ", all ready"
    return f", {number(total - ready)} not ready"


def _whole(namespace: str | None) -> str:
    """Says that a namespace that was named does not narrow what belongs to no namespace."""
    return " in the whole cluster" if namespace else ""


def _counted(kind: Kind, total: int, namespace: str | None, detail: str, **more: object) -> Answer:
    sentence = f"There {is_or_are(total)} {counted(total, kind)}{place(namespace)}{detail}."
    return Answer(sentence, {"kind": kind, "namespace": namespace, "count": total, **more})


def _pods_said(pods: list[Pod], namespace: str | None) -> list[str]:
    """What is wrong with pods, said once for those of one workload with one reason."""
    groups = Counter(_pod_said(pod, namespace) for pod in pods).most_common()
    said = [text if times == 1 else f"{number(times)} of {text}" for text, times in groups]
    rest = sum(times for _, times in groups[SPOKEN_ITEMS:])
    return [*said[:SPOKEN_ITEMS], f"{number(rest)} more"] if rest else said


def _pod_said(pod: Pod, namespace: str | None) -> str:
    where = "" if namespace else f" in {pod.namespace}"
    return f"{pod.workload}{where}, {trouble(pod.reason, pod.phase)}"


def _pod_data(pod: Pod) -> dict[str, object]:
    return {
        "namespace": pod.namespace,
        "name": pod.name,
        "workload": pod.workload,
        "phase": pod.phase,
        "reason": pod.reason,
        "restarts": pod.restarts,
    }


def _described(act: Callable[..., Answer]) -> Function:
    _, *parameters = inspect.signature(act).parameters.values()
    arguments = tuple(
        Argument(each.name, each.default is inspect.Parameter.empty, _choices(each.annotation))
        for each in parameters
    )
    purpose = inspect.getdoc(act) or ""
    return Function(act.__name__, purpose, arguments, Level.READ_ONLY, act)


def _choices(annotation: object) -> tuple[str, ...]:
    return KINDS if annotation is Kind else ()


_ACTS: tuple[Callable[..., Answer], ...] = (count, unready_pods, list_deployments)
FUNCTIONS: Mapping[str, Function] = MappingProxyType({act.__name__: _described(act) for act in _ACTS})
