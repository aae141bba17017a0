"""Role arm_tuning: the knobs are turned where there are any."""

from standing_nodes import Nodes


def test_kernel_settings_are_in_force(nodes: Nodes) -> None:
    for node in nodes.all:
        assert node.machine.sysctl("fs.inotify.max_user_instances") == 8192, node.name
        assert node.machine.sysctl("net.core.somaxconn") == 4096, node.name
        assert node.machine.sysctl("vm.swappiness") == 100, node.name


def test_there_is_compressed_swap_where_the_kernel_has_zram(nodes: Nodes) -> None:
    for node in nodes.all:
        if node.machine.file("/sys/class/zram-control").exists:
            number = node.says("cat /run/kvx-zram")
            assert f"/dev/zram{number}" in node.says("cat /proc/swaps"), node.name
            assert "[" in node.says(f"cat /sys/block/zram{number}/comp_algorithm"), node.name


def test_every_knob_the_machine_has_is_turned(nodes: Nodes) -> None:
    for node in nodes.all:
        assert node.machine.run("/usr/local/sbin/kvx-tuning --check").rc == 0, node.name


def test_huge_pages_are_for_those_who_ask(nodes: Nodes) -> None:
    for node in nodes.all:
        knob = node.machine.file("/sys/kernel/mm/transparent_hugepage/enabled")
        assert not knob.exists or "[madvise]" in knob.content_string, node.name
