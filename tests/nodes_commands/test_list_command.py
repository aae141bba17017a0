"""kvx nodes list as a program meets people: what it says without machines, and without Kubernetes."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Kvx = Callable[..., subprocess.CompletedProcess[str]]


def test_without_machines_the_fix_is_to_make_some(kvx: Kvx) -> None:
    ended = kvx("nodes", "list")
    assert (ended.returncode, ended.stdout) == (3, "")
    assert ended.stderr.startswith("there are no machines yet")
    assert ended.stderr.endswith("fix: kvx terraform\n")


@pytest.mark.usefixtures("handed_over")
def test_without_a_kubeconfig_the_inventory_is_told_and_the_exit_code_is_4(kvx: Kvx) -> None:
    ended = kvx("nodes", "list")
    assert ended.returncode == 4
    assert "2 nodes in the inventory; Kubernetes has not answered." in ended.stdout
    assert "edge-workers-1        unknown" in ended.stdout
    assert "the machines are no cluster yet" in ended.stderr
    assert ended.stderr.endswith("fix: kvx ansible\n")


@pytest.mark.usefixtures("handed_over")
def test_the_same_is_one_object_for_programs(kvx: Kvx) -> None:
    ended = kvx("nodes", "list", "--json")
    found = json.loads(ended.stdout)
    assert (found["schema"], found["cluster"], found["api"]) == ("kvx/nodes/v1", "edge", None)
    assert (found["exit_code"], found["event"], found["fix"]) == (4, "error", "kvx ansible")
    assert [(node["name"], node["ready"], node["in_cluster"]) for node in found["nodes"]] == [
        ("edge-control-plane-1", None, None),
        ("edge-workers-1", None, None),
    ]


def test_a_target_without_nodes_is_named(kvx: Kvx, handed_over: Path) -> None:
    ended = kvx("nodes", "list", "--target", "local")
    assert ended.returncode == 3
    assert "the target local has no phase configure" in ended.stderr
