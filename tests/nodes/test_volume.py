"""Role volume: a node that has one uses it, and starts without it."""

from standing_nodes import Nodes


def test_a_volume_is_mounted_and_no_node_waits_for_it(nodes: Nodes) -> None:
    for node in (each for each in nodes.all if each.volume):
        mounted = node.says("findmnt --noheadings --output SOURCE,FSTYPE /var/lib/kvx-volume").split()
        assert mounted[1] == "ext4", node.name
        lines = [line for line in node.says("cat /etc/fstab").splitlines() if line.startswith(node.volume)]
        assert len(lines) == 1, node.name
        assert "nofail" in lines[0].split()[3].split(","), node.name
