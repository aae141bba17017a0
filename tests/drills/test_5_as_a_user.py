"""The commands of kvx nodes on the cluster that stands, typed as a person types them."""

import json
import os
import subprocess
import sys
import time
from typing import Any

import pytest
import yaml
from drill import SECOND, Drill
from stand_in_cluster import release

LONGEST_COMMAND_SECONDS = 1200


def kvx(drill: Drill, *arguments: str) -> subprocess.CompletedProcess[str]:
    """kvx as a program, in the folder of which kvx.toml says what site.yml was told."""
    top = drill.folder.parents[1]
    (top / "variables.yaml").write_text(yaml.safe_dump(drill.settings))
    settings = {"k3s_version": drill.version, "k3s_folder": str(release(drill.version))}
    lines = [f'{name} = "{value}"' for name, value in {**settings, "variables": "variables.yaml"}.items()]
    (top / "kvx.toml").write_text("\n".join(("[nodes]", *lines)))
    begin = time.monotonic()
    ended = subprocess.run(
        [sys.executable, "-c", "from kvx.main import run; run()", *arguments],
        cwd=top,
        env={name: value for name, value in os.environ.items() if not name.startswith(("KVX_", "HCLOUD_"))},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LONGEST_COMMAND_SECONDS,
        check=False,
    )
    print(f"kvx {' '.join(arguments)}: {time.monotonic() - begin:.0f} s\n{ended.stdout}{ended.stderr}")
    return ended


def listed(drill: Drill) -> dict[str, dict[str, Any]]:
    ended = kvx(drill, "nodes", "list", "--json")
    assert ended.returncode == 0, ended.stderr
    return {node["name"]: node for node in json.loads(ended.stdout)["nodes"]}


def test_each_node_is_listed_as_it_is(drill: Drill) -> None:
    nodes = listed(drill)
    assert set(nodes) == {host.name for host in drill.fleet.hosts}
    assert all(node["ready"] and node["schedulable"] for node in nodes.values())
    assert {node["version"] for node in nodes.values()} == {drill.version}
    votes = {name: node["etcd_voter"] for name, node in nodes.items()}
    assert votes == {host.name: True if host in drill.fleet.servers else None for host in drill.fleet.hosts}


def test_a_command_runs_on_every_node_it_is_meant_for(drill: Drill) -> None:
    ended = kvx(drill, "nodes", "run", "--on", "agents", "--", "hostname")
    assert ended.returncode == 0
    assert [line.split() for line in ended.stdout.splitlines()] == [
        [host.name, host.name] for host in drill.fleet.agents
    ]


def test_a_node_that_was_left_without_new_pods_is_named_and_an_upgrade_brings_it_back(drill: Drill) -> None:
    """Where no drill has upgraded before, this does, from the first version to the second."""
    agent = drill.fleet.agents[0].name
    drill.kubectl(f"cordon {agent}")
    drill.kubectl(f"annotate node {agent} kvx/drained=true")  # as an upgrade that was broken off leaves it
    assert "takes no new pods: it is cordoned" in kvx(drill, "nodes", "list").stdout
    ended = kvx(drill, "nodes", "upgrade", SECOND, "--k3s-folder", str(release(SECOND)), "--yes")
    assert ended.returncode == 0, ended.stderr
    assert f"Every node of the cluster kvx has k3s {SECOND}." in ended.stdout
    drill.version = SECOND
    nodes = listed(drill)
    assert {node["version"] for node in nodes.values()} == {SECOND}
    assert all(node["schedulable"] for node in nodes.values())
    again = kvx(drill, "nodes", "upgrade", "--yes")
    assert (again.returncode, again.stdout.splitlines()[0]) == (
        0,
        f"Nothing had to be changed: every node of kvx has k3s {SECOND}.",
    )


def test_a_setting_that_differs_is_shown_for_each_machine_and_changed_on_none(drill: Drill) -> None:
    first = drill.fleet.servers[0]
    before = drill.run(first, "cat /etc/systemd/journald.conf.d/kvx.conf")
    drill.settings["base_journal_megabytes"] = 123
    try:
        ended = kvx(drill, "ansible", "--check")
    finally:
        del drill.settings["base_journal_megabytes"]
    assert ended.returncode == 0, ended.stderr
    names = ", ".join(host.name for host in drill.fleet.hosts[:-1])
    assert f"  {names} and {drill.fleet.hosts[-1].name}:\n    base: Write the settings" in ended.stdout
    assert "+SystemMaxUse=123M" in ended.stdout
    assert drill.run(first, "cat /etc/systemd/journald.conf.d/kvx.conf") == before


@pytest.fixture
def snapshot(drill: Drill) -> str:
    """The name of a snapshot that has what was there before, and not what came after."""
    drill.kubectl("create configmap user-before")
    save = ("k3s", "etcd-snapshot", "save", "--name", "user")
    assert kvx(drill, "nodes", "run", "--on", drill.fleet.servers[0].name, "--", *save).returncode == 0
    drill.kubectl("create configmap user-after")
    found = json.loads(kvx(drill, "nodes", "restore", "--list", "--json").stdout)["snapshots"]
    mine = [each for each in found if each["name"].startswith("user")]
    assert [each["servers"] for each in mine] == [[drill.fleet.servers[0].name]]
    return str(mine[0]["name"])


def test_the_cluster_goes_back_to_a_snapshot_for_who_gives_its_name(drill: Drill, snapshot: str) -> None:
    refused = kvx(drill, "nodes", "restore", snapshot, "--yes-restore", "another")
    assert refused.returncode == 2
    assert "configmap/user-after" in drill.kubectl("get configmaps -o name")
    ended = kvx(drill, "nodes", "restore", snapshot, "--yes-restore", "kvx")
    assert ended.returncode == 0, ended.stderr
    found = drill.kubectl("get configmaps -o name").split()
    assert "configmap/user-before" in found
    assert "configmap/user-after" not in found
    assert all(node["ready"] for node in listed(drill).values())
