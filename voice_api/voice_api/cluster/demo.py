"""A demo cluster kept in memory, so that a first command has something to ask about."""

from collections.abc import Iterator
from dataclasses import dataclass

from voice_api.cluster.demo_objects import DemoExplorer
from voice_api.cluster.protocol import (
    ClusterDescription,
    Deployment,
    Named,
    Namespace,
    Node,
    Pod,
    named_by_lists,
)

NAMESPACES = ("default", "kube-system", "monitoring", "production", "shop", "staging")
NODES = ("edge-1", "edge-2", "edge-3")

# Deployment, its namespace, and the last part of the name of each of its pods.
DEPLOYMENTS = (
    ("voice-api", "production", "7c9d8f6b54", ("4kq2m", "9xw7d", "hl5zt")),
    ("catalog", "production", "5f7b6c9d88", ("2mvqp", "t8z4c")),
    ("payments", "production", "6d4c5b7f9b", ("6ngxk", "qw9r2")),
    ("redis", "production", "84d5f9c7bd", ("v7s5h",)),
    ("frontend", "shop", "598c7d6f4c", ("5hj8l", "kz2wn", "r6d4x")),
    ("checkout", "shop", "77f8b9d6c5", ("8bq7v", "m4nzs")),
    ("cart", "shop", "6b9f5d8c47", ("d2k9t", "x5lqw")),
    ("voice-api", "staging", "66c8d9f7b5", ("p3vhg",)),
    ("catalog", "staging", "7d9b8c6f56", ("w8t2k",)),
    ("grafana", "monitoring", "5c7f9d4b68", ("j6x9m",)),
    ("prometheus", "monitoring", "9d6b7f5c84", ("c4s8n",)),
    ("nginx-ingress", "default", "8f5d6c9b77", ("g7r3q", "z9p5b")),
    ("coredns", "kube-system", "6f6b8d5c9f", ("h4m7w", "s2d6j")),
    ("metrics-server", "kube-system", "7b4d9f6c85", ("n5z8x",)),
)


@dataclass(frozen=True, slots=True)
class Trouble:
    phase: str
    reason: str
    restarts: int


TROUBLES = {
    "checkout-77f8b9d6c5-m4nzs": Trouble("Running", "CrashLoopBackOff", 17),
    "catalog-7d9b8c6f56-w8t2k": Trouble("Pending", "ImagePullBackOff", 0),
}


class DemoCluster:
    """Six namespaces, three nodes, 24 pods; two of the pods are not ready. Nothing in it is real."""

    contexts = ("demo",)

    def __init__(self) -> None:
        self._pods = tuple(_pods())
        self.explorer = DemoExplorer(self)
        services = (Named("service", home, name) for name, home, _, _ in DEPLOYMENTS)
        self._named = (*named_by_lists(self), *services, Named("context", "", "demo"))

    def named(self) -> tuple[Named, ...]:
        return self._named

    @property
    def description(self) -> ClusterDescription:
        return ClusterDescription(name="demo", demo=True)

    def namespaces(self) -> tuple[Namespace, ...]:
        return tuple(Namespace(name) for name in NAMESPACES)

    def nodes(self) -> tuple[Node, ...]:
        return tuple(Node(name, ready=True) for name in NODES)

    def pods(self, namespace: str | None) -> tuple[Pod, ...]:
        return tuple(pod for pod in self._pods if namespace in {None, pod.namespace})

    def deployments(self, namespace: str | None) -> tuple[Deployment, ...]:
        return tuple(
            Deployment(home, name, replicas=len(endings), ready=self._ready_pods(home, name))
            for name, home, _, endings in DEPLOYMENTS
            if namespace in {None, home}
        )

    def _ready_pods(self, namespace: str, workload: str) -> int:
        return sum(pod.ready for pod in self.pods(namespace) if pod.workload == workload)


def _pods() -> Iterator[Pod]:
    for workload, namespace, template, endings in DEPLOYMENTS:
        for ending in endings:
            yield _pod(namespace, workload, f"{workload}-{template}-{ending}")


def _pod(namespace: str, workload: str, name: str) -> Pod:
    trouble = TROUBLES.get(name)
    if trouble is None:
        return Pod(namespace, name, workload, phase="Running", ready=True, reason=None, restarts=0)
    return Pod(namespace, name, workload, trouble.phase, False, trouble.reason, trouble.restarts)
