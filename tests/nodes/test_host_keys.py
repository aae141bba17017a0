"""Role host_keys: what is shown is what was made on the node, and what was handed over."""

import subprocess

from standing_nodes import Nodes


def test_a_node_shows_the_key_that_was_handed_over_and_no_other(nodes: Nodes) -> None:
    for node in nodes.all:
        asked = subprocess.run(
            ["ssh-keyscan", "-T", "10", node.address], capture_output=True, text=True, timeout=30, check=True
        )
        shown = {tuple(line.split()[1:3]) for line in asked.stdout.splitlines() if not line.startswith("#")}
        known = (nodes.handed_over / "known_hosts.d" / node.address).read_text().split()
        assert shown == {(known[1], known[2])}, node.name


def test_the_key_from_user_data_is_known_no_more(nodes: Nodes) -> None:
    lines = (nodes.handed_over / "known_hosts").read_text().splitlines()
    for node in nodes.all:
        ours = [line for line in lines if node.address in line.split()[0].split(",")]
        assert len(ours) == 1, node.name
        assert ours[0] == (nodes.handed_over / "known_hosts.d" / node.address).read_text().strip(), node.name


def test_the_private_key_is_read_by_root_alone(nodes: Nodes) -> None:
    for node in nodes.all:
        key = node.machine.file("/etc/ssh/ssh_host_ed25519_key")
        assert (key.user, key.mode) == ("root", 0o600), node.name
        assert not node.machine.file("/etc/ssh/kvx_new_host_key").exists, node.name
