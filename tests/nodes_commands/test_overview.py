"""Inventory and cluster side by side, in words for people and as data."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvx.commands.nodes_table import age, lines_of, listed, node_data, whats_missing
from kvx.errors import ExitCode
from kvx.nodes.inventory import Host, Inventory
from kvx.nodes.living import LivingNode, living_node
from kvx.nodes.overview import Overview, overview

NOW = 1_790_000_000.0
DAY = 86_400


def host(name: str, **more: Any) -> Host:
    values = {"role": "agent", "address": "10.98.12.11", "pool": "workers", "architecture": "arm64"}
    return Host(name, **(values | {"server_type": "cax21", "location": "nbg1"} | more))


def alive(name: str, **more: Any) -> LivingNode:
    values: dict[str, Any] = {"ready": True, "reasons": (), "version": "v1.34.2+k3s1", "votes": None}
    values |= {"created": NOW - 3 * DAY, "schedulable": True, "taints": (), "address": "10.0.1.4"}
    return LivingNode(name, **(values | {"architecture": "arm64", "is_server": False} | more))


def inventory(*hosts: Host) -> Inventory:
    return Inventory("edge", "root", hosts, {})


def condition(kind: str, status: str, **more: str) -> dict[str, str]:
    return {"type": kind, "status": status, **more}


def item(*conditions: Mapping[str, str], **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "edge-1", "creationTimestamp": "2026-11-18T12:00:00Z"},
        "spec": spec,
        "status": {
            "conditions": list(conditions),
            "nodeInfo": {"kubeletVersion": "v1.34.2+k3s1", "architecture": "arm64"},
            "addresses": [
                {"type": "Hostname", "address": "edge-1"},
                {"type": "InternalIP", "address": "10.0.1.3"},
            ],
        },
    }


def test_a_node_is_read_from_what_the_api_server_lists() -> None:
    taints = [{"key": "gpu", "value": "no", "effect": "NoSchedule"}, {"key": "own", "effect": "NoExecute"}]
    node = living_node(item(condition("Ready", "True"), condition("EtcdIsVoter", "True"), taints=taints))
    assert (node.name, node.ready, node.reasons, node.version) == ("edge-1", True, (), "v1.34.2+k3s1")
    assert (node.votes, node.schedulable, node.address) == (True, True, "10.0.1.3")
    assert node.taints == ("gpu=no:NoSchedule", "own:NoExecute")
    assert node.created == 1_795_003_200.0


def test_taints_that_kubernetes_puts_there_itself_are_not_told_twice() -> None:
    taints = [{"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}]
    node = living_node(item(condition("Ready", "True"), unschedulable=True, taints=taints))
    assert (node.schedulable, node.taints) == (False, ())


@pytest.mark.parametrize(
    ("conditions", "reasons"),
    [
        ([], ("it has not said yet how it is",)),
        (
            [condition("Ready", "Unknown", reason="NodeStatusUnknown", message="stopped")],
            ("it has not been heard of",),
        ),
        ([condition("Ready", "False", message="container runtime is down")], ("container runtime is down",)),
        ([condition("Ready", "True"), condition("DiskPressure", "True")], ("its disk is nearly full",)),
        ([condition("Ready", "True"), condition("MemoryPressure", "False")], ()),
    ],
)
def test_it_says_why_a_node_is_not_ready_or_pressed(
    conditions: list[dict[str, str]], reasons: tuple[str, ...]
) -> None:
    assert living_node(item(*conditions)).reasons == reasons


def test_a_node_that_an_upgrade_has_drained_is_told_from_one_that_a_person_has_cordoned() -> None:
    cordoned = item(condition("Ready", "True"), unschedulable=True)
    drained = {**cordoned, "metadata": {**cordoned["metadata"], "annotations": {"kvx/drained": "true"}}}
    assert [living_node(each).kept_free for each in (cordoned, drained)] == [False, True]


def test_a_node_that_has_said_nothing_at_all_is_not_ready() -> None:
    node = living_node({"metadata": {"name": "edge-9"}})
    assert (node.ready, node.votes, node.version, node.address) == (False, None, "", None)


def test_both_ways_of_not_agreeing_are_named() -> None:
    found = overview(inventory(host("a"), host("b")), [alive("b"), alive("c")])
    assert [node.name for node in found.nodes] == ["a", "b", "c"]
    assert [node.name for node in found.not_joined] == ["a"]
    assert [node.name for node in found.strangers] == ["c"]
    assert not found.is_whole


def test_a_gateway_is_no_node_and_is_not_missed() -> None:
    found = overview(inventory(host("a"), host("g", role="gateway")), [alive("a")])
    assert found.is_whole
    assert whats_missing(found) is None
    assert "gateway" in "\n".join(lines_of(found, NOW))


def test_without_an_answer_nothing_is_said_to_have_not_joined() -> None:
    found = overview(inventory(host("a")), None)
    assert (found.not_joined, found.is_whole) == ((), False)
    assert node_data(found.nodes[0], found, NOW)["in_cluster"] is None
    assert "has not answered" in lines_of(found, NOW)[0]


names = st.lists(st.sampled_from("abcdef"), unique=True)


@given(names, names)
def test_every_name_of_either_side_has_exactly_one_line(ours: list[str], theirs: list[str]) -> None:
    found = overview(inventory(*map(host, ours)), [alive(name) for name in theirs])
    assert sorted(node.name for node in found.nodes) == sorted({*ours, *theirs})
    assert found.is_whole == (set(ours) == set(theirs))


def mixed() -> Overview:
    server = host("edge-control-plane-1", role="server", pool="control-plane", server_type="cax11")
    living = [
        alive("edge-control-plane-1", votes=True, is_server=True),
        alive("edge-workers-1", ready=False, reasons=("it has not been heard of",), schedulable=False),
        alive("edge-auto-1", taints=("a=b:NoSchedule",)),
    ]
    return overview(inventory(server, host("edge-workers-1"), host("edge-workers-2")), living)


def test_a_row_tells_state_version_age_place_and_address_and_remarks_stand_below() -> None:
    assert lines_of(mixed(), NOW) == [
        "The cluster edge: 4 nodes, 2 ready; 1 of 1 vote in etcd.",
        "",
        "  node                  state       k3s           age  place       address",
        "  edge-control-plane-1  ready       v1.34.2+k3s1  3 d  cax11@nbg1  10.98.12.11",
        "  edge-workers-1        not ready   v1.34.2+k3s1  3 d  cax21@nbg1  10.98.12.11",
        "      it has not been heard of",
        "      takes no new pods: it is cordoned",
        "  edge-workers-2        not joined                     cax21@nbg1  10.98.12.11",
        "  edge-auto-1           ready       v1.34.2+k3s1  3 d              10.0.1.4",
        "      not in the inventory",
        "      taints a=b:NoSchedule",
    ]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_row_is_wider_than_the_terminal(width: int) -> None:
    lines = lines_of(mixed(), NOW, width)
    assert max(map(len, lines)) <= width
    assert sum("10.98.12.11" in line for line in lines) == 3


def test_what_does_not_agree_ends_with_exit_code_4_and_the_names() -> None:
    wrong = whats_missing(mixed())
    assert wrong is not None
    assert wrong.exit_code is ExitCode.INCOMPLETE
    assert "edge-workers-2" in wrong.message
    stranger = whats_missing(overview(inventory(host("a")), [alive("a"), alive("b")]))
    assert stranger is not None
    assert stranger.message == "in the cluster and not in the inventory: b"


def test_a_server_that_does_not_vote_is_told() -> None:
    found = overview(inventory(host("a", role="server")), [alive("a", votes=False)])
    assert lines_of(found, NOW)[-1] == "      does not vote in etcd"
    assert "0 of 1 vote in etcd" in lines_of(found, NOW)[0]


@pytest.mark.parametrize(
    ("seconds", "words"), [(-3, "0 s"), (59, "59 s"), (60, "1 min"), (7_200, "2 h"), (12.4 * DAY, "12 d")]
)
def test_an_age_is_in_the_largest_unit(seconds: float, words: str) -> None:
    assert age(seconds) == words


@pytest.mark.parametrize(
    ("words", "said"), [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (list("abc"), "a, b and c")]
)
def test_names_are_counted_up_as_a_person_does(words: list[str], said: str) -> None:
    assert listed(words) == said
