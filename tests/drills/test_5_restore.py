"""restore.yml: back to a snapshot, with all three servers."""

import time

import pytest
from drill import Drill

from kvx.errors import KvxError


def test_it_wants_the_name_of_the_cluster(drill: Drill) -> None:
    with pytest.raises(KvxError, match="what came after it is lost"):
        drill.play("restore.yml", k3s_restore_snapshot="any")


def test_what_was_is_there_again_and_what_came_after_is_not(drill: Drill) -> None:
    first = drill.fleet.servers[0]
    drill.kubectl("create configmap before")
    drill.run(first, "/usr/local/bin/k3s etcd-snapshot save --name drill")
    listed = drill.run(first, "ls /var/lib/rancher/k3s/server/db/snapshots").split()
    snapshot = next(name for name in listed if name.startswith("drill"))
    drill.kubectl("create configmap after")
    begin = time.monotonic()
    drill.play("restore.yml", k3s_restore_snapshot=snapshot, k3s_restore_confirmed="kvx")
    print(f"restored after {time.monotonic() - begin:.0f} s")
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
    assert len(drill.nodes()) == 5


def test_site_finds_nothing_to_do_afterwards(drill: Drill) -> None:
    played = drill.play("site.yml")
    assert not played.changed, played.changes
