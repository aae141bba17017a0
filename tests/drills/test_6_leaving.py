"""A node that the inventory lacks is drained and taken out; reset.yml takes k3s off every machine."""

import json

import pytest
from drill import Drill

from kvx.errors import KvxError


def test_a_node_that_the_inventory_lacks_is_drained_and_taken_out_and_nothing_else_changes(
    drill: Drill,
) -> None:
    """Also not what an upgrade and a restore may have left."""
    drill.have_idle_pods()
    leaving, *staying = reversed(drill.fleet.hosts)
    inventory = json.loads(drill.inventory.read_text())
    right = drill.inventory.read_text()
    del inventory["all"]["children"]["pool_workers"]["hosts"][leaving.name]
    drill.inventory.write_text(json.dumps(inventory))
    try:
        played = drill.play("site.yml")
    finally:
        drill.inventory.write_text(right)
    tasks = [change.task for change in played.changes]
    assert tasks.index("Move its pods to other nodes") < tasks.index("Take the node out")
    assert {change.role for change in played.changes} == {"absent_nodes"}, played.changes
    assert set(drill.nodes()) == {host.name for host in staying}
    drill.kubectl("rollout status deployment idle --timeout=240s")
    assert leaving.name not in drill.homes_of("idle")


def test_reset_wants_the_name_of_the_cluster(drill: Drill) -> None:
    with pytest.raises(KvxError, match="everything on the cluster"):
        drill.play("reset.yml")


def test_nothing_of_k3s_is_left_and_the_snapshots_are_kept(drill: Drill) -> None:
    drill.play("reset.yml", reset_confirmed="kvx")
    for host in drill.fleet.hosts:
        left = drill.run(
            host, "ls -d /etc/rancher /var/lib/rancher/k3s /usr/local/bin/k3s 2>/dev/null || true"
        )
        assert left == "", host.name
        assert drill.ssh(host, "pgrep -x k3s").returncode == 1, host.name
    assert "drill" in drill.run(drill.fleet.servers[0], "ls /var/lib/kvx-snapshots")


def test_a_second_reset_changes_nothing(drill: Drill) -> None:
    assert not drill.play("reset.yml", reset_confirmed="kvx").changed
