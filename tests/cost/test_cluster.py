"""Whose a node is, asked of a real API server; what it cannot tell is said, and nothing is made up."""

import importlib.util
import sys
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from kvx.cost.advice import advice
from kvx.cost.audio import Audio
from kvx.cost.prices import snapshot, snapshot_document
from kvx.cost.sharing import IDLE
from kvx.cost.times import Month
from kvx.drivers import cost_cluster, cost_ledger
from kvx.drivers.api_server import connect
from kvx.drivers.cost_ledger import Counter
from kvx.drivers.hetzner_reading import server_type
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
