"""upgrade.yml: killed in the middle, finished by the next run, with the quorum there all the while."""

import json
import time

from drill import SECOND, Drill
from quorum import watched

LONGEST_SILENCE_SECONDS = 30


def test_killed_in_the_middle_the_next_run_brings_every_node_to_the_other_version(drill: Drill) -> None:
    drill.have_idle_pods()
    second = drill.fleet.servers[1].name
    with watched(drill.fleet.servers) as quorum:
        drill.kill_in_the_middle("upgrade.yml", f"{second}: Copy the program (k3s)", k3s_version=SECOND)
        assert len(drill.versions()) == 2
        assert drill.nodes()[second]["spec"].get("unschedulable") is True
        begin = time.monotonic()
        drill.play("upgrade.yml", k3s_version=SECOND)
        print(f"the rest of the upgrade: {time.monotonic() - begin:.0f} s")
    drill.version = SECOND
    assert drill.versions() == {SECOND}
    assert not any(node["spec"].get("unschedulable") for node in drill.nodes().values())
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
