"""Role firewall: what is open, asked from outside and from a neighbour."""

import socket
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from standing_nodes import Node, Nodes

CLOSED = (9100, 10250, 2379, 2380, 8472)


def _answering(doors: Iterable[tuple[str, int]]) -> set[tuple[str, int]]:
    """Asked all at once: what is dropped takes seconds to be known."""
    asked = list(doors)
    with ThreadPoolExecutor(len(asked)) as threads:
        answers = threads.map(lambda door: _answers(*door), asked)
        return {door for door, answered in zip(asked, answers, strict=True) if answered}


def _answers(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), timeout=3):
            return True
    except OSError:
        return False


def _neighbour_reaches(node: Node, address: str, port: int) -> bool:
    asking = f"import socket; socket.create_connection(({address!r}, {port}), 3)"
    return bool(node.machine.run(f"python3 -c {asking!r}").rc == 0)


def test_from_outside_ssh_answers_and_the_metrics_do_not(nodes: Nodes) -> None:
    doors = [(node.address, port) for node in nodes.all for port in (22, *CLOSED)]
    assert _answering(doors) == {(node.address, 22) for node in nodes.all}


def test_from_outside_the_api_answers_on_servers_alone(nodes: Nodes) -> None:
    found = _answering((node.address, 6443) for node in nodes.all)
    assert found == {(node.address, 6443) for node in nodes.servers}


def test_what_listens_is_dropped_from_outside_and_not_from_a_neighbour(nodes: Nodes) -> None:
    first, second = nodes.all[:2]
    listening = "import socket,time; s=socket.create_server(('0.0.0.0', 18080)); time.sleep(30)"
    first.says(f"systemd-run --quiet --collect --unit=kvx-listens python3 -c {listening!r}")
    try:
        first.says("timeout 10 sh -c 'until ss -ltn | grep -q :18080; do sleep 0.2; done'")
        assert _neighbour_reaches(second, first.private_ip, 18080)
        assert not _answers(first.address, 18080)
    finally:
        first.says("systemctl stop kvx-listens")


def test_pods_do_not_read_user_data(nodes: Nodes) -> None:
    for node in nodes.all:
        rules = node.says("nft list chain inet kvx forward")
        assert "ip saddr 10.42.0.0/16 ip daddr 169.254.169.254 drop" in rules, node.name


def test_the_rules_come_back_after_a_reboot(nodes: Nodes) -> None:
    for node in nodes.all:
        assert node.machine.service("kvx-firewall").is_enabled, node.name
        assert not node.machine.service("kvx-firewall-undo.timer").is_running, node.name
