"""restore.yml: back to a snapshot, with all three servers."""

import json

import pytest
from drill import Drill

from kvx.errors import KvxError


def test_it_wants_the_name_of_the_cluster(drill: Drill) -> None:
    with pytest.raises(KvxError, match="what came after it is lost"):
        drill.play("restore.yml", k3s_restore_snapshot="any")


@pytest.fixture
def snapshot(drill: Drill) -> str:
    """The name of a snapshot that has what was there before, and not what came after."""
    drill.kubectl("create configmap before")
    save = ("k3s", "etcd-snapshot", "save", "--name", "drill")
    assert drill.kvx("nodes", "run", "--on", drill.fleet.servers[0].name, "--", *save).returncode == 0
    drill.kubectl("create configmap after")
    found = json.loads(drill.kvx("nodes", "restore", "--list", "--json").stdout)["snapshots"]
    mine = [each for each in found if each["name"].startswith("drill")]
    assert [each["servers"] for each in mine] == [[drill.fleet.servers[0].name]]
    return str(mine[0]["name"])


def test_what_was_is_there_again_and_what_came_after_is_not_for_who_gives_its_name(
    drill: Drill, snapshot: str
) -> None:
    refused = drill.kvx("nodes", "restore", snapshot, "--yes-restore", "another")
    assert refused.returncode == 2
    assert "configmap/after" in drill.kubectl("get configmaps -o name")
    ended = drill.kvx("nodes", "restore", snapshot, "--yes-restore", "kvx")
    assert ended.returncode == 0, ended.stderr
    found = drill.kubectl("get configmaps -o name").split()
    assert "configmap/before" in found
    assert "configmap/after" not in found


def test_all_three_servers_vote_again(drill: Drill) -> None:
    for host in drill.fleet.servers:
        figures = drill.run(host, "curl -fsS http://127.0.0.1:2381/metrics").splitlines()
        assert "etcd_server_is_learner 0" in figures, host.name
        assert "etcd_server_has_leader 1" in figures, host.name


def test_every_node_is_ready_again(drill: Drill) -> None:
    drill.kubectl("wait node --all --for=condition=Ready --timeout=240s")
    nodes = drill.listed()
    assert set(nodes) == {host.name for host in drill.fleet.hosts}
    assert all(node["ready"] for node in nodes.values())
