"""Nodes that site.yml has configured, as testinfra sees them: what a person would look at by hand."""

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

sys.path.append(str(Path(__file__).parent))

from standing_nodes import Node, Nodes

INVENTORY = os.environ.get("KVX_NODES_INVENTORY", "")
KEY = os.environ.get("KVX_NODES_KEY", "")

# Until a fixture brings hosts up and runs site.yml on them, these need nodes that stand already.
collect_ignore_glob = [] if INVENTORY else ["test_*.py"]


@pytest.fixture(scope="session")
def connections() -> Iterator[Path]:
    """Where the connections lie that all tests share; they end with the tests."""
    with TemporaryDirectory(prefix="kvx-ssh-") as folder:
        yield Path(folder)
        for socket in Path(folder).iterdir():
            close = ["ssh", "-O", "exit", "-o", f"ControlPath={socket}", "any"]
            subprocess.run(close, capture_output=True, timeout=20, check=False)


@pytest.fixture(scope="session")
def nodes(connections: Path) -> Nodes:
    """The nodes of the inventory KVX_NODES_INVENTORY, reached with the key KVX_NODES_KEY."""
    import yaml

    inventory = yaml.safe_load(Path(INVENTORY).read_text())["all"]
    children = inventory["children"]
    servers = set(_members(children, "k3s_server"))
    agents = set(_members(children, "k3s_agent"))
    variables = {
        name: values for group in children.values() for name, values in (group.get("hosts") or {}).items()
    }
    handed_over = Path(INVENTORY).parent
    standing = tuple(
        _node(name, name in servers, variables[name], handed_over, connections)
        for name in sorted(servers | agents)
    )
    return Nodes(inventory["vars"]["cluster_name"], handed_over, standing)


def _members(children: dict[str, dict[str, dict[str, object]]], group: str) -> Iterable[str]:
    """The hosts of a group and of the groups in it."""
    yield from children[group].get("hosts") or {}
    for inner in children[group].get("children") or {}:
        yield from _members(children, inner)


def _node(
    name: str, is_server: bool, variables: dict[str, str], handed_over: Path, connections: Path
) -> Node:
    import testinfra

    address = variables["ansible_host"]
    known = handed_over / "known_hosts.d" / address
    machine = testinfra.get_host(
        f"ssh://root@{address}",
        ssh_identity_file=KEY or None,
        ssh_extra_args=f"-o StrictHostKeyChecking=yes -o UserKnownHostsFile={known}"
        f" -o ControlPath={connections}/%C",
        controlpersist=120,
    )
    return Node(
        name,
        is_server,
        address,
        variables["private_ip"],
        variables["architecture"],
        variables.get("volume_device", ""),
        machine,
    )
