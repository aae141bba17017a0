"""Whose a node is, asked of a real API server; what it cannot tell is said, and nothing is made up."""

import importlib.util
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from kvx.cost.advice import advice
from kvx.cost.audio import Audio
from kvx.cost.prices import snapshot, snapshot_document
from kvx.cost.sharing import IDLE
from kvx.cost.times import Month
from kvx.drivers import cost_cluster, cost_ledger
from kvx.drivers.api_server import connect
from kvx.drivers.cost_ledger import Counter
from kvx.drivers.hetzner_reading import server_type
from kvx.errors import KvxError
from kvx.machines.catalogue import Catalogue
from kvx.world import real_world

NOVEMBER = Month(2026, 11)


def _histories() -> ModuleType:
    """histories.py beside this file."""
    spec = importlib.util.spec_from_file_location("cost_histories", Path(__file__).with_name("histories.py"))
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["cost_histories"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


W = _histories()


def machine(name: str, kind: str = "cax21") -> Any:
    found = W.made("server", W.spell("server", kind, "11-01 00:00", None))
    labels = {"kvx/cluster": "kvx", "kvx/pool": "workers", "kvx/node": name}
    return replace(found, name=f"cost-{name}", labels=labels)


MACHINES = tuple(machine(f"workers-{number}") for number in (1, 2, 3))
SPACE = "/api/v1/namespaces/default"


def pod(
    name: str, on: str, cpu: str, memory: str, namespace: str = "default", **labels: str
) -> dict[str, Any]:
    asks = {"requests": {"cpu": cpu, "memory": memory}}
    container = {"name": "c", "image": "registry.example.com/c:1", "resources": asks}
    metadata = {"name": name, "namespace": namespace, "labels": labels}
    spec = {"nodeName": on, "containers": [container], "automountServiceAccountToken": False}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


@pytest.fixture
def cluster(api_server: Any) -> Iterator[Any]:
    """Three nodes and two pods, taken away again."""
    ask = api_server.request
    accounts = f"{SPACE}/serviceaccounts"
    made = "default" not in [each["metadata"]["name"] for each in ask("GET", accounts)["items"]]
    if made:  # nothing makes it where no controllers run
        ask("POST", accounts, {"metadata": {"name": "default"}})
    for each in MACHINES:
        ask("POST", "/api/v1/nodes", {"metadata": {"name": each.name}})
        able = {
            "status": {
                "allocatable": {"cpu": "4", "memory": "8Gi"},
                "capacity": {"cpu": "4", "memory": "8Gi"},
            }
        }
        ask("PATCH", f"/api/v1/nodes/{each.name}/status", able)
    ask("POST", f"{SPACE}/pods", pod("web", "cost-workers-1", "1", "2Gi"))
    ask("POST", f"{SPACE}/pods", pod("batch", "cost-workers-2", "2", "1Gi"))
    try:
        yield connect(api_server.kubeconfig(), None, real_world())
    finally:
        for name in ("web", "batch"):
            ask("DELETE", f"{SPACE}/pods/{name}", {"gracePeriodSeconds": 0})
        for each in MACHINES:
            ask("DELETE", f"/api/v1/nodes/{each.name}")
        if made:
            ask("DELETE", f"{accounts}/default")


@pytest.mark.needs("kube-apiserver")
def test_pods_have_their_part_of_their_node_and_the_rest_is_idle(cluster: Any) -> None:
    found = cost_cluster.ask(cluster, MACHINES)
    assert found.shares is not None
    ours = {
        (each.node, each.pod): each.monthly for each in found.shares.parts if each.node.startswith("cost-")
    }
    # of 10.49 each: web half of (1/4 + 2/8), batch half of (2/4 + 1/8)
    assert ours == {
        ("cost-workers-1", "web"): Decimal("2.6225"),
        ("cost-workers-1", IDLE): Decimal("7.8675"),
        ("cost-workers-2", "batch"): Decimal("3.2781"),
        ("cost-workers-2", IDLE): Decimal("7.2119"),
        ("cost-workers-3", IDLE): Decimal("10.49"),
    }
    assert any("by their requests alone" in each for each in found.wrong)


@pytest.mark.needs("kube-apiserver")
def test_a_node_that_nobody_needs_is_advised_away(cluster: Any) -> None:
    """Two cores and one fit onto one of the two that are left when another is down."""
    document = snapshot_document()
    types = {each["name"]: server_type(each) for each in document["server_types"]}
    standing = cost_cluster.standing(cluster, MACHINES)
    standing = replace(standing, nodes=[each for each in standing.nodes if each.name.startswith("cost-")])
    found = advice(standing, Catalogue(types, {}), snapshot())
    assert found[0].saves == Decimal("10.49")
    assert "without cost-workers-" in found[0].words
    assert any("as cax11 instead of cax21" in each.words for each in found)


def owned(one: dict[str, Any], deployment: str) -> dict[str, Any]:
    """As if the Deployment's ReplicaSet had made it."""
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": f"{deployment}-5d4f7c9b8d", "uid": "u"}
    one["metadata"]["ownerReferences"] = [owner]
    return one


def autoscaler(deployment: str, cpu: str | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """A VerticalPodAutoscaler, and what its recommender would write."""
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": deployment}
    metadata = {"name": deployment, "namespace": "default"}
    spec = {"targetRef": target, "updatePolicy": {"updateMode": "Off"}}
    told = [] if cpu is None else [{"containerName": "c", "target": {"cpu": cpu}}]
    kind = {"apiVersion": "autoscaling.k8s.io/v1", "kind": "VerticalPodAutoscaler"}
    return {**kind, "metadata": metadata, "spec": spec}, {
        "status": {"recommendation": {"containerRecommendations": told}}
    }


def define(api: Any, path: str) -> None:
    """The kinds of the Vertical Pod Autoscaler, as its project ships them."""
    for file in sys.modules["definitions_component"].folder().glob("vpa*.yaml"):
        for each in yaml.safe_load_all(file.read_text()):
            api.apply(each)
    end = time.monotonic() + 60
    while not answers(api, path) and time.monotonic() < end:
        time.sleep(0.2)


@pytest.fixture
def advised(cluster: Any, api_server: Any) -> Iterator[Any]:
    """Two workloads of three cores each, and a Vertical Pod Autoscaler that says one needs half a core."""
    path = "/apis/autoscaling.k8s.io/v1/namespaces/default/verticalpodautoscalers"
    define(cluster, path)
    ask = api_server.request
    for name, on in (("shop", "cost-workers-1"), ("mill", "cost-workers-2")):
        ask("POST", f"{SPACE}/pods", owned(pod(f"{name}-1", on, "3", "1Gi"), name))
    for item, status in (autoscaler("mill", "500m"), autoscaler("shop", None)):
        ask("POST", path, item)
        ask("PATCH", f"{path}/{item['metadata']['name']}/status", status)
    try:
        yield cluster
    finally:
        for name in ("shop", "mill"):
            ask("DELETE", f"{SPACE}/pods/{name}-1", {"gracePeriodSeconds": 0})
            ask("DELETE", f"{path}/{name}")


def answers(api: Any, path: str) -> bool:
    try:
        api.list(path)
    except KvxError:
        return False
    return True


@pytest.mark.needs("kube-apiserver", "definitions")
def test_requests_as_they_are_advised_may_free_a_node_and_that_is_said(advised: Any) -> None:
    """3 + 3 cores never fit on one node of four, 3 + 0.5 do; other pods of the cluster left out."""
    document = snapshot_document()
    types = {each["name"]: server_type(each) for each in document["server_types"]}
    standing = cost_cluster.standing(advised, MACHINES)
    assert standing.advised is not None

    def ours(pods: Any) -> list[Any]:
        return [each for each in pods if each.name in {"shop-1", "mill-1"}]

    nodes = [each for each in standing.nodes if each.name.startswith("cost-")]
    standing = replace(standing, nodes=nodes, pods=ours(standing.pods), advised=ours(standing.advised))
    assert {each.name: each.cores for each in standing.advised or ()} == {
        "shop-1": 3,
        "mill-1": Decimal("0.5"),
    }
    found = advice(standing, Catalogue(types, {}), snapshot())
    assert found
    removing = [each for each in found if "without cost-workers-" in each.words]
    assert removing
    assert all(
        each.words.startswith("with requests as the Vertical Pod Autoscaler advises") for each in removing
    )
    assert all(each.saves == Decimal("10.49") for each in removing)
    alone = advice(replace(standing, advised=None), Catalogue(types, {}), snapshot())
    assert not [each for each in alone if "without" in each.words]


def test_sound_is_added_up_over_restarts_and_by_month(tmp_path: Path) -> None:
    begin = NOVEMBER.begin

    def add(*counters: Counter) -> Audio | None:
        return cost_ledger.add_sound(tmp_path, NOVEMBER, counters)

    assert add() is None
    assert add(Counter("a", begin + 10, 60_000, 30_000)) == Audio(Decimal(60), Decimal(30))
    assert add(Counter("a", begin + 10, 90_000, 30_000)) == Audio(Decimal(90), Decimal(30))
    # started again: what it counts since is all new; another one is older than the month: only its growth
    assert add(Counter("a", begin + 99, 5_000, 0), Counter("b", begin - 10, 700_000, 0)) == Audio(
        Decimal(95), Decimal(30)
    )
    assert add(Counter("b", begin - 10, 701_000, 0)) == Audio(Decimal(96), Decimal(30))
    assert cost_ledger.add_sound(tmp_path, NOVEMBER.following, ()) is None


def test_figures_of_the_voice_api_are_read_by_their_names() -> None:
    from voice_api.figures import Figures

    figures = Figures()
    figures.heard_seconds.inc(12.5)
    figures.spoken_seconds.inc(3)
    (found,) = cost_cluster.counters_in("a", figures.text().decode())
    assert (found.heard, found.spoken) == (12_500, 3_000)
    assert found.started > NOVEMBER.begin
