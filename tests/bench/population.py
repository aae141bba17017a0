"""Five thousand objects as clusters have them: their names, and how they are put onto an API server."""

import itertools
import json
import random
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import urllib3

from voice_api.cluster.kinds import KINDS
from voice_api.cluster.protocol import Named

FIRST = """
amber anchor beacon billing copper delta dragon ember engine fabric falcon garden granite harbor invoice
journal kitchen ledger market notice orchard parcel quota report ticket upload vendor wallet yellow zenith
basket coupon device event fleet
"""
SECOND = """
reader writer worker server router scheduler exporter importer indexer renderer collector dispatcher gateway
proxy mailer printer planner monitor watcher loader parser builder runner keeper sender cache queue store
portal bridge
"""
SPOKEN = ("checkout", "cart", "payments", "frontend", "grafana", "catalog", "orders", "search", "inventory")
"""Deployments of the namespace shop, which the tests speak of as well."""
NAMESPACES, NODES, PODS_EACH = 40, 20, 4
THREADS = 4


def population(objects: int) -> tuple[Named, ...]:
    """So many names, always the same ones, 5,300 at most; about one in five is a deployment with its pods."""
    chance = random.Random(7)
    spaces = ["shop", *(f"team-{word}" for word in f"{FIRST} {SECOND}".split()[: NAMESPACES - 1])]
    nodes = [Named("node", "", f"worker-{number}") for number in range(1, NODES + 1)]
    return tuple(
        itertools.islice(
            itertools.chain(
                (Named("namespace", "", each) for each in spaces), nodes, _workloads(spaces, chance)
            ),
            objects,
        )
    )


def _workloads(spaces: Sequence[str], chance: random.Random) -> Iterator[Named]:
    pairs = [f"{first}-{second}" for first, second in itertools.product(FIRST.split(), SECOND.split())]
    chance.shuffle(pairs)
    others = zip(pairs, itertools.cycle(spaces[1:]), strict=False)
    for name, space in [*((each, "shop") for each in SPOKEN), *others]:
        yield Named("deployment", space, name)
        for _ in range(PODS_EACH):
            yield Named("pod", space, f"{name}-{chance.getrandbits(40):010x}-{chance.getrandbits(20):05x}")


def put(server: Any, names: Sequence[Named]) -> None:
    """Made on the API server; namespaces first, the rest over several connections."""
    with urllib3.PoolManager(ca_certs=str(server.authority), maxsize=THREADS) as pool:
        for each in names:
            if each.kind == "namespace":
                _put(server, pool, each)
        rest = (each for each in names if each.kind != "namespace")
        with ThreadPoolExecutor(THREADS) as threads:
            list(threads.map(lambda each: _put(server, pool, each), rest))


def _put(server: Any, pool: urllib3.PoolManager, named: Named) -> None:
    headers = {"Authorization": "Bearer admin-token", "Content-Type": "application/json"}
    address = f"{server.url}{KINDS[named.kind].path(named.namespace)}"
    body = _content(named)
    body["metadata"] = {"name": named.name, **body.get("metadata", {})}
    answer = pool.request("POST", address, body=json.dumps(body), headers=headers, timeout=30, retries=False)
    assert answer.status in {201, 409}, answer.data.decode()


def _content(named: Named) -> dict[str, Any]:
    """As large as such objects usually are: of a pod, 4 kB with what the API server adds."""
    workload = named.name.rsplit("-", 2)[0] if named.kind == "pod" else named.name
    labels = {"app.kubernetes.io/name": workload, "app.kubernetes.io/part-of": "bench"}
    pod = {"containers": [_container(named.name)], "terminationGracePeriodSeconds": 30}
    match named.kind:
        case "pod":
            return {"metadata": {"labels": labels}, "spec": pod}
        case "deployment":
            template = {"metadata": {"labels": labels}, "spec": pod}
            return {"spec": {"replicas": 4, "selector": {"matchLabels": labels}, "template": template}}
        case _:
            return {}


def _container(name: str) -> dict[str, Any]:
    looked_at = {"httpGet": {"path": "/health", "port": 8080}, "periodSeconds": 10}
    return {
        "name": "main",
        "image": f"registry.example/team/{name}:1.4.2",
        "env": [{"name": f"SETTING_{number}", "value": "x" * 40} for number in range(12)],
        "ports": [{"containerPort": 8080}],
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "128Mi"}},
        "readinessProbe": looked_at,
        "livenessProbe": looked_at,
    }
