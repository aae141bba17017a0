"""upgrade.yml: killed in the middle, finished by who types it again, with the quorum there all the while."""

import json

from drill import SECOND, Drill
from quorum import watched
from stand_in_cluster import release

LONGEST_SILENCE_SECONDS = 60


def test_killed_in_the_middle_the_next_run_brings_every_node_to_the_other_version(drill: Drill) -> None:
    drill.have_idle_pods()
    second = drill.fleet.servers[1].name
    with watched(drill.fleet.servers) as quorum:
        drill.kill_in_the_middle("upgrade.yml", f"{second}: Copy the program (k3s)", k3s_version=SECOND)
        assert len(drill.versions()) == 2
        assert "takes no new pods: it is cordoned" in drill.kvx("nodes", "list").stdout
        assert drill.nodes()[second]["spec"].get("unschedulable") is True
        ended = drill.kvx("nodes", "upgrade", SECOND, "--k3s-folder", str(release(SECOND)), "--yes")
    assert ended.returncode == 0, ended.stderr
    assert f"Every node of the cluster kvx has k3s {SECOND}." in ended.stdout
    drill.version = SECOND
    assert drill.versions() == {SECOND}
    assert quorum.restarted() == [host.name for host in drill.fleet.servers]
    assert quorum.down_together() == []
    silence = quorum.longest_silence()
    print(f"longest without a majority: {silence:.1f} s")
    assert silence < LONGEST_SILENCE_SECONDS


def test_it_was_saved_before(drill: Drill) -> None:
    listed = drill.run(drill.fleet.servers[0], "ls /var/lib/rancher/k3s/server/db/snapshots")
    assert f"before-{SECOND.replace('+', '-')}" in listed


def test_pods_came_through_it(drill: Drill) -> None:
    drill.kubectl("rollout status deployment idle --timeout=240s")
    ready = json.loads(drill.kubectl("get deployment idle -o json"))["status"]["readyReplicas"]
    assert ready == 4


def test_once_more_it_changes_nothing(drill: Drill) -> None:
    again = drill.kvx("nodes", "upgrade", "--yes")
    words = f"Nothing had to be changed: every node of kvx has k3s {SECOND}."
    assert (again.returncode, again.stdout.splitlines()[0]) == (0, words)
