"""What machines have cost this month, as a status tells it: worked out by hand here, to the cent."""

import json
import shutil
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from standing_cluster import Standing

from kvx.cost.of_nodes import Standing as Machine
from kvx.cost.of_nodes import month_so_far
from kvx.cost.prices import Money, Prices, Rate, snapshot, snapshot_document
from kvx.cost.sighting import Seen
from kvx.drivers import cost_ledger
from kvx.drivers.cost_ledger import Look
from kvx.machines.fleet import CLUSTER_LABEL, Place

Kvx = Callable[..., subprocess.CompletedProcess[str]]
PLACE = Place("cax11", "fsn1")
NOW = datetime(2026, 11, 21, 12, 30, tzinfo=UTC).timestamp()
INVENTORY = """
all:
  vars: {ansible_user: root, cluster_name: edge, subnet_range: 10.0.1.0/24}
  children:
    k3s_server: {children: {pool_control_plane: {}}}
    k3s_agent: {hosts: {}}
    pool_control_plane:
      hosts:
        edge-control-plane-1:
          {ansible_host: 127.0.0.2, private_ip: 10.0.1.3, server_type: cax11, location: fsn1}
"""


def money(amount: str) -> Money:
    return Money(Decimal(amount), Decimal(amount) * 2)


def prices() -> Prices:
    known = {
        ("server_types", "cax11", "fsn1"): Rate(money("4"), money("0.01")),
        ("primary_ips", "ipv4", "fsn1"): Rate(money("0.50"), money("0.001")),
    }
    return Prices("EUR", Decimal(19), "2026-09-19", "snapshot", known)


def test_started_hours_are_counted_from_when_a_node_was_made() -> None:
    made = datetime(2026, 11, 21, 10, 0, tzinfo=UTC).timestamp()
    found = month_so_far([Machine("n", PLACE, has_ipv4=True, made=made)], prices(), NOW)
    assert found.so_far_net == 3 * Decimal("0.01") + 3 * Decimal("0.001")
    hours_left = 10 * 24 - 10
    assert found.month_net == hours_left * Decimal("0.011")
    assert found.month == "2026-11"


def test_a_machine_of_last_month_has_cost_this_month_alone_and_never_more_than_a_month() -> None:
    made = datetime(2026, 9, 1, tzinfo=UTC).timestamp()
    found = month_so_far([Machine("n", PLACE, has_ipv4=False, made=made)], prices(), NOW)
    assert found.so_far_net == Decimal(4)  # 493 hours, capped
    assert found.month_net == Decimal(4)


def test_a_price_that_is_missing_makes_the_sum_unknown_and_is_named() -> None:
    found = month_so_far([Machine("n", Place("new9", "fsn1"), has_ipv4=False, made=None)], prices(), NOW)
    assert (found.so_far_net, found.month_net) == (None, None)
    assert found.missing == ("server new9@fsn1",)


@pytest.mark.needs("kube-apiserver", "kubectl", "definitions")
def test_a_status_has_the_price_of_each_node_that_kvx_has_made(
    patient_kvx: Kvx, standing: Standing, tmp_path: Path
) -> None:
    folder = tmp_path / ".kvx" / "hetzner"
    folder.mkdir(parents=True)
    (folder / "inventory.yaml").write_text(INVENTORY)
    shutil.copy(standing.kubeconfig, folder / "kubeconfig")
    (tmp_path / "kvx.toml").unlink()
    time.sleep(1.1)  # of a node that is no second old, nothing is billed yet
    document = json.loads(patient_kvx("status", "--target", "hetzner", "--json", cwd=tmp_path).stdout)
    rate = snapshot().server(PLACE)
    assert rate.monthly is not None
    prices_told = {each["name"]: each["monthly_net"] for each in document["nodes"]}
    assert prices_told == {"edge-control-plane-1": str(rate.monthly.net), "edge-workers-1": None}
    assert document["nodes"][0]["place"] == "cax11@fsn1"
    assert Decimal(document["cost"]["so_far_net"]) > 0
    assert document["cost"]["looked_at"] is None

    at = int(time.time()) - 7000
    seen = Seen("server", 1, "edge-control-plane-1", {CLUSTER_LABEL: "edge"}, at, "cax11", "fsn1")
    other = Seen("server", 2, "of-another", {CLUSTER_LABEL: "other"}, at, "cax11", "fsn1")
    cost_ledger.record(folder.parent / "cost", Look((seen, other), {}, snapshot_document(), at + 60), 0)
    later = json.loads(patient_kvx("status", "--target", "hetzner", "--json", cwd=tmp_path).stdout)["cost"]
    assert later["looked_at"] == at + 60
    assert rate.hourly is not None
    assert Decimal(later["so_far_net"]) % rate.hourly.net == 0
