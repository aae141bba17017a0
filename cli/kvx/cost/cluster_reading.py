"""Reads nodes, pods and their use, as an API server gives them, into what is shared."""

import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from kvx.cluster.overview_amounts import amount
from kvx.cost.bill import total
from kvx.cost.history import History
from kvx.cost.sharing import PlacedPod, PricedNode

Json = Mapping[str, Any]
Taken = tuple[Decimal, Decimal]
"""Cores and bytes."""
Advised = Mapping[tuple[str, str], Mapping[str, Mapping[str, Any]]]

_OVER = ("Succeeded", "Failed")


def priced_nodes(nodes: Iterable[Json], histories: Iterable[History]) -> tuple[PricedNode, ...]:
    """Each node with the price of its server, and of what hangs on that one; None where no server is it."""
    by_name, beside = _prices(histories)
    return tuple(_node(node, by_name, beside) for node in nodes)


def placed_pods(
    pods: Iterable[Json], used: Mapping[tuple[str, str], Taken], advised: Advised | None = None
) -> tuple[PlacedPod, ...]:
    """Every pod that holds its node; `used` by namespace and name, where somebody measures it.

    With `advised`, as if each container requested what the Vertical Pod Autoscaler advises.
    """
    return tuple(_placed(pods, used, advised or {}))


def advised_requests(autoscalers: Iterable[Json]) -> Advised:
    """The targets of VerticalPodAutoscalers that have one, by namespace and workload, then by container."""
    found: dict[tuple[str, str], dict[str, Mapping[str, Any]]] = {}
    for each in autoscalers:
        target = (each.get("spec") or {}).get("targetRef") or {}
        key = str(each["metadata"].get("namespace")), f"{target.get('kind')}/{target.get('name')}"
        told = (((each.get("status") or {}).get("recommendation")) or {}).get("containerRecommendations")
        for container in told or ():
            if container.get("target"):
                found.setdefault(key, {})[str(container.get("containerName"))] = container["target"]
    return found


def used_by_pods(metrics: Iterable[Json]) -> Mapping[tuple[str, str], Taken]:
    """The items of metrics.k8s.io."""
    return {
        (str(each["metadata"].get("namespace")), str(each["metadata"].get("name"))): _sum(
            _taken(container.get("usage")) for container in each.get("containers") or ()
        )
        for each in metrics
    }


def _prices(
    histories: Iterable[History],
) -> tuple[Mapping[str, History], Mapping[str, tuple[Decimal | None, ...]]]:
    alive = [each for each in histories if each.end is None]
    servers = {each.name: each for each in alive if each.kind == "server"}
    beside: dict[str, tuple[Decimal | None, ...]] = {}
    for each in alive:
        if each.kind != "server" and each.node_key:
            key = f"{each.cluster}/{each.node_key}"
            beside[key] = (*beside.get(key, ()), each.monthly)
    return servers, beside


def _node(
    node: Json, servers: Mapping[str, History], beside: Mapping[str, tuple[Decimal | None, ...]]
) -> PricedNode:
    name = str(node["metadata"]["name"])
    cores, memory = _taken((node.get("status") or {}).get("allocatable"))
    server = servers.get(name)
    monthly = None
    if server is not None:
        monthly = total((server.monthly, *beside.get(f"{server.cluster}/{server.node_key}", ())))
    return PricedNode(name, cores, memory, monthly)


def _placed(
    pods: Iterable[Json], used: Mapping[tuple[str, str], Taken], advised: Advised
) -> Iterator[PlacedPod]:
    for pod in pods:
        metadata, spec = pod["metadata"], pod.get("spec") or {}
        if not spec.get("nodeName") or (pod.get("status") or {}).get("phase") in _OVER:
            continue
        namespace, name = str(metadata.get("namespace")), str(metadata["name"])
        workload = _workload(metadata)
        cores, memory = requested(spec, advised.get((namespace, workload)))
        used_cores, used_memory = used.get((namespace, name), (Decimal(0), Decimal(0)))
        yield PlacedPod(
            namespace,
            workload,
            name,
            str(spec["nodeName"]),
            max(cores, used_cores),
            max(memory, used_memory),
        )


def requested(spec: Json, advised: Mapping[str, Mapping[str, Any]] | None = None) -> Taken:
    """What the scheduler sets aside: all containers together, or the largest before them."""
    of = advised or {}
    before = spec.get("initContainers") or ()
    beside = [each for each in before if each.get("restartPolicy") == "Always"]
    together = _sum(_requests(each, of) for each in (*(spec.get("containers") or ()), *beside))
    first = [_requests(each, of) for each in before if each not in beside]
    cores = max((each[0] for each in (together, *first)), default=Decimal(0))
    memory = max((each[1] for each in (together, *first)), default=Decimal(0))
    return _sum(((cores, memory), _taken(spec.get("overhead"))))


def _requests(container: Json, advised: Mapping[str, Mapping[str, Any]]) -> Taken:
    """What is advised, and where nothing is, what is asked for."""
    asked = (container.get("resources") or {}).get("requests") or {}
    return _taken({**asked, **advised.get(str(container.get("name")), {})})


def _taken(resources: Json | None) -> Taken:
    found = resources or {}
    return amount(found.get("cpu")) or Decimal(0), amount(found.get("memory")) or Decimal(0)


def _sum(parts: Iterable[Taken]) -> Taken:
    cores = memory = Decimal(0)
    for part_cores, part_memory in parts:
        cores, memory = cores + part_cores, memory + part_memory
    return cores, memory


_OF_A_REPLICA_SET = re.compile(r"-[a-z0-9]{5,10}$")


def _workload(metadata: Json) -> str:
    """What made the pod; of a ReplicaSet the Deployment, whose name it begins with."""
    owner = next(iter(metadata.get("ownerReferences") or ()), None)
    if owner is None:
        return str(metadata["name"])
    if owner.get("kind") == "ReplicaSet":
        return f"Deployment/{_OF_A_REPLICA_SET.sub('', str(owner.get('name')))}"
    return f"{owner.get('kind')}/{owner.get('name')}"
