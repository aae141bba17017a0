"""Role kubeconfig: what is handed over works, and is its owner's alone."""

import os
import subprocess

from standing_nodes import Nodes


def test_what_is_handed_over_is_its_owners_alone(nodes: Nodes) -> None:
    for name in ("kubeconfig", "k3s-token", "k3s-agent-token", "known_hosts"):
        assert (nodes.handed_over / name).stat().st_mode & 0o077 == 0, name


def test_it_reaches_the_cluster_under_its_name(nodes: Nodes) -> None:
    asked = subprocess.run(
        ["kubectl", "--request-timeout=20s", f"--context={nodes.cluster_name}", "get", "nodes", "-o", "name"],
        env=os.environ | {"KUBECONFIG": str(nodes.handed_over / "kubeconfig")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert asked.returncode == 0, asked.stderr
    assert sorted(asked.stdout.split()) == sorted(f"node/{node.name}" for node in nodes.all)
