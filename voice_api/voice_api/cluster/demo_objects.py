"""What the demo cluster's objects look like from near: made of its lists, so that the two always agree."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Protocol

from voice_api.cluster.protocol import Deployment, Item, Namespace, Node, Pod
from voice_api.errors import VoiceApiError

REVISION = "deployment.kubernetes.io/revision"
LOGS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "checkout": (
            "starting checkout 1.8.2",
            "connecting to payments in production",
            "error: payments refused the connection",
            "error: no payments after 5 attempts, giving up",
        )
    }
)
EVENTS = (
    ("Pod", "checkout-77f8b9d6c5-m4nzs", "shop", "BackOff", "Back-off restarting failed container", 42),
    ("Pod", "catalog-7d9b8c6f56-w8t2k", "staging", "Failed", "Failed to pull image catalog:2.1.0", 9),
)
COSTS = "kvx cost 2026-01: 9.80 of 40.00 EUR net so far, 17.40 by the month's end as it stands"


class Lists(Protocol):
    """The lists that all of it is made of."""

    def namespaces(self) -> tuple[Namespace, ...]: ...
    def nodes(self) -> tuple[Node, ...]: ...
    def pods(self, namespace: str | None) -> tuple[Pod, ...]: ...
    def deployments(self, namespace: str | None) -> tuple[Deployment, ...]: ...


class DemoExplorer:
    """Objects with as much in them as the answers need."""

    def __init__(self, lists: Lists) -> None:
        self._lists = lists
        self._made: Mapping[str, Callable[[], Iterator[dict[str, Any]]]] = {
            "namespace": lambda: (_object("", each.name) for each in lists.namespaces()),
            "node": lambda: (_node(each) for each in lists.nodes()),
            "pod": lambda: (_pod(each) for each in lists.pods(None)),
            "deployment": lambda: (_deployment(each) for each in lists.deployments(None)),
            "replicaset": lambda: (_replica_set(each) for each in lists.deployments(None)),
            "service": lambda: (_service(each) for each in lists.deployments(None)),
            "configmap": lambda: iter((_object("kvx", "cost-report", data={"line": COSTS}),)),
            "event": lambda: (_event(each) for each in EVENTS),
        }

    def objects(self, kind: str, namespace: str | None, _: str = "") -> tuple[Item, ...]:
        made = self._made.get(kind, lambda: iter(()))
        return tuple(each for each in made() if namespace in {None, each["metadata"]["namespace"]})

    def one(self, kind: str, namespace: str | None, name: str) -> Item:
        for each in self.objects(kind, namespace):
            if each["metadata"]["name"] == name:
                return each
        raise VoiceApiError("not_found", f"There is no {kind} {name}.", "Ask which ones there are.", 404)

    def log(self, namespace: str, pod: str, _: str | None, lines: int) -> tuple[str, ...]:
        workload = next((each.workload for each in self._lists.pods(namespace) if each.name == pod), "")
        return LOGS.get(workload, (f"{workload} is listening on port 8080",))[-lines:]

    def measures(self, kind: str, namespace: str | None) -> tuple[Item, ...]:
        """Numbers that follow from the name, so that they are the same tomorrow."""
        if kind == "nodes":
            return tuple(_measure("", each.name, 400) for each in self._lists.nodes())
        return tuple(
            {"metadata": _names(each.namespace, each.name), "containers": [_used(each.name, 30)]}
            for each in self._lists.pods(namespace)
        )


def _names(namespace: str, name: str) -> dict[str, Any]:
    return {"name": name, "namespace": namespace, "uid": f"demo-{namespace}-{name}", "generation": 1}


def _object(namespace: str, name: str, **more: Any) -> dict[str, Any]:
    return {"metadata": _names(namespace, name), **more}


def _node(node: Node) -> dict[str, Any]:
    ready = {"type": "Ready", "status": "True" if node.ready else "False"}
    versions = {"kubeletVersion": "v1.34.1", "architecture": "arm64"}
    return _object("", node.name, spec={}, status={"conditions": [ready], "nodeInfo": versions})


def _pod(pod: Pod) -> dict[str, Any]:
    waiting = {"waiting": {"reason": pod.reason}} if pod.reason else {"running": {}}
    container = {"name": pod.workload, "restartCount": pod.restarts, "ready": pod.ready, "state": waiting}
    ready = {"type": "Ready", "status": "True" if pod.ready else "False"}
    status = {"phase": pod.phase, "conditions": [ready], "containerStatuses": [container]}
    made = _object(pod.namespace, pod.name, spec=_containers(pod.workload), status=status)
    made["metadata"]["labels"] = {"app": pod.workload}
    return made


def _containers(name: str) -> dict[str, Any]:
    version = {"checkout": "1.8.2", "catalog": "2.1.0"}.get(name, "1.4.0")
    return {"nodeName": "edge-1", "containers": [{"name": name, "image": f"registry.demo/{name}:{version}"}]}


def _deployment(each: Deployment) -> dict[str, Any]:
    spec = {
        "replicas": each.replicas,
        "selector": {"matchLabels": {"app": each.name}},
        "template": {"metadata": {"labels": {"app": each.name}}, "spec": _containers(each.name)},
    }
    status = {
        "replicas": each.replicas,
        "updatedReplicas": each.replicas,
        "readyReplicas": each.ready,
        "availableReplicas": each.ready,
        "observedGeneration": 1,
    }
    made = _object(each.namespace, each.name, spec=spec, status=status)
    made["metadata"]["annotations"] = {REVISION: "1"}
    return made


def _replica_set(each: Deployment) -> dict[str, Any]:
    made = _deployment(each)
    owner = {"kind": "Deployment", "name": each.name, "controller": True}
    made["metadata"] |= {"name": f"{each.name}-1", "ownerReferences": [owner]}
    return made


def _service(each: Deployment) -> dict[str, Any]:
    ports = [{"port": 80, "targetPort": 8080}]
    return _object(each.namespace, each.name, spec={"type": "ClusterIP", "ports": ports})


def _event(told: tuple[str, str, str, str, str, int]) -> dict[str, Any]:
    kind, name, namespace, reason, message, count = told
    about = {"kind": kind, "name": name, "namespace": namespace}
    return _object(
        namespace,
        f"{name}.{reason.lower()}",
        involvedObject=about,
        type="Warning",
        reason=reason,
        message=message,
        count=count,
        lastTimestamp="2026-01-01T12:00:00Z",
    )


def _measure(namespace: str, name: str, least: int) -> Item:
    return {"metadata": _names(namespace, name), "usage": _used(name, least)["usage"]}


def _used(name: str, least: int) -> dict[str, Any]:
    share = sum(map(ord, name)) % 100
    return {"name": name, "usage": {"cpu": f"{least + share}m", "memory": f"{4 * (least + share)}Mi"}}
