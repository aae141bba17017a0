"""A cluster's life with the real provider: made, made again, grown, shrunk, changed, adopted, taken down."""

import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from conftest import Hetzner, Workspace

pytestmark = [pytest.mark.needs("terraform", "hcloud-provider"), pytest.mark.timeout(600)]

FRONT = {"type": "lb11", "location": "nbg1"}


def pools(**counts: int) -> dict[str, dict[str, Any]]:
    return {
        name: {"type": "cax21", "count": count, "location": "nbg1", "volume_gb": 10}
        for name, count in counts.items()
    }


def test_a_second_plan_changes_nothing(workspace: "Workspace", hetzner: "Hetzner") -> None:
    workspace.wish(load_balancer=FRONT, pools=pools(workers=2))
    workspace.apply()
    before = hetzner.writes()
    assert workspace.plan() == {}
    workspace.done("apply", "-input=false", "plan.bin")
    assert hetzner.writes() == before


def test_what_is_handed_over_is_what_hetzner_made(workspace: "Workspace", hetzner: "Hetzner") -> None:
    workspace.wish(load_balancer=FRONT)
    outputs = workspace.apply()
    made = {each["name"]: each for each in hetzner.resources() if each["kind"] == "server"}
    told = outputs["provision"]["nodes"]
    assert {node["name"]: int(node["id"]) for node in told.values()} == {
        name: server["id"] for name, server in made.items()
    }
    groups = yaml.safe_load(outputs["inventory"])["all"]["children"]
    hosts = groups["pool_workers"]["hosts"] | groups["pool_control_plane"]["hosts"]
    assert set(hosts) == set(made)
    for host in hosts.values():
        known = f"{host['ansible_host']},{host['private_ip']} {workspace.host_key(host['node'])}\n"
        assert known in outputs["known_hosts"]
        assert re.fullmatch(r"10\.0\.0\.\d+", host["private_ip"])
    assert outputs["provision"]["load_balancer"]["address"] is not None


def test_everything_billed_says_whose_it_is(workspace: "Workspace", hetzner: "Hetzner") -> None:
    workspace.wish(load_balancer=FRONT, private_only=True, pools=pools(workers=1))
    workspace.apply()
    labels = {f"{each['kind']} {each['name']}": each["labels"] for each in hetzner.resources()}
    assert len(labels) > 8
    assert [name for name, each in labels.items() if each.get("kvx/cluster") != "kvx"] == []


def test_two_nodes_become_four_become_three_and_only_the_middle_pool_is_touched(
    workspace: "Workspace", hetzner: "Hetzner"
) -> None:
    workspace.wish(pools=pools(alpha=1, delta=1))
    workspace.apply()
    workspace.wish(pools=pools(alpha=1, bravo=1, delta=2))
    grown = workspace.plan()
    assert set(map(tuple, grown.values())) == {("create",)}
    assert all("bravo-1" in address or "delta-2" in address for address in grown), grown
    workspace.done("apply", "-input=false", "plan.bin")
    before = {each["name"]: each["id"] for each in hetzner.resources()}

    workspace.wish(pools=pools(alpha=1, delta=2))
    shrunk = workspace.plan()
    assert set(map(tuple, shrunk.values())) == {("delete",)}
    assert {address for address in shrunk if address.startswith("hcloud_")} == {
        'hcloud_server.node["bravo-1"]',
        'hcloud_primary_ip.node["bravo-1"]',
        'hcloud_volume.node["bravo-1"]',
        'hcloud_volume_attachment.node["bravo-1"]',
        'hcloud_placement_group.spread["bravo-1"]',
    }
    assert all("bravo-1" in address for address in shrunk), shrunk
    workspace.done("apply", "-input=false", "plan.bin")
    after = {each["name"]: each["id"] for each in hetzner.resources()}
    assert after == {name: number for name, number in before.items() if "bravo" not in name}


def test_a_type_of_the_same_architecture_is_changed_in_place(
    workspace: "Workspace", hetzner: "Hetzner"
) -> None:
    workspace.apply()
    for type_ in ("cax31", "cax21"):  # up, and down again: the disk was kept
        workspace.wish(pools={"workers": {"type": type_, "count": 2, "location": "nbg1"}})
        plan = workspace.plan()
        if plan:
            assert plan == {
                'hcloud_server.node["workers-1"]': ["update"],
                'hcloud_server.node["workers-2"]': ["update"],
            }
            workspace.done("apply", "-input=false", "plan.bin")
    assert {each["type"] for each in hetzner.resources() if each["kind"] == "server"} == {"cax11", "cax21"}
    assert sum("change_type" in call for call in hetzner.writes()) == 4


def test_a_type_of_another_architecture_replaces_the_node_and_its_key_but_no_other(
    workspace: "Workspace",
) -> None:
    outputs = workspace.apply()
    old = workspace.host_key("workers-2")
    (workspace.folder / "host-keys" / "workers-2").unlink()
    workspace.wish(placements={"workers-2": {"type": "cpx22", "location": "nbg1"}})
    assert old in outputs["known_hosts"]
    plan = workspace.plan()
    assert plan['hcloud_server.node["workers-2"]'] == ["delete", "create"]
    assert all("workers-2" in address for address in plan), plan
    outputs = workspace.apply()
    assert outputs["provision"]["architectures"] == ["amd64", "arm64"]
    assert workspace.host_key("workers-2") in outputs["known_hosts"]
    assert old not in outputs["known_hosts"]
    assert workspace.plan() == {}


def test_new_files_on_another_machine_change_neither_node_nor_known_hosts(workspace: "Workspace") -> None:
    first = workspace.apply()
    for path in (workspace.folder / "host-keys").iterdir():
        path.unlink()
    workspace.wish(image="debian-13")
    plan = workspace.plan()
    assert [address for address in plan if "hcloud_server" in address or "host_key" in address] == []
    assert workspace.apply()["known_hosts"] == first["known_hosts"]


def test_an_adopted_server_is_left_as_it_is(workspace: "Workspace", hetzner: "Hetzner") -> None:
    first = workspace.apply()
    node = first["provision"]["nodes"]["workers-1"]
    before = hetzner.writes()
    workspace.done("state", "rm", 'hcloud_server.node["workers-1"]')
    (workspace.folder / "imports.tf").write_text(
        f'import {{\n  to = hcloud_server.node["workers-1"]\n  id = "{node["id"]}"\n}}\n'
    )
    again = workspace.apply()
    assert hetzner.writes() == before
    assert again == first
    assert workspace.plan() == {}


def test_private_nodes_have_one_way_out_and_in(workspace: "Workspace", hetzner: "Hetzner") -> None:
    workspace.wish(private_only=True)
    outputs = workspace.apply()
    assert [each["name"] for each in hetzner.resources() if each["kind"] == "primary_ip"] == [
        "kvx-gateway-1-ipv4"
    ]
    running = {each["name"]: each["status"] for each in hetzner.resources() if each["kind"] == "server"}
    assert len(running) == 4
    assert set(running.values()) == {"running"}
    workers = yaml.safe_load(outputs["inventory"])["all"]["children"]["pool_workers"]["hosts"]
    gateway = outputs["provision"]["nodes"]["gateway-1"]
    assert {host["jump_host"] for host in workers.values()} == {gateway["public_ip"]}
    assert gateway["private_ip"] == "10.0.15.254"
    assert workspace.plan() == {}


def test_a_key_that_is_in_the_project_already_is_used_as_it_is(
    workspace: "Workspace", hetzner: "Hetzner"
) -> None:
    hetzner.make("ssh_keys", name="somebody", public_key=workspace.host_key("operator"))
    workspace.apply()
    keys = [each for each in hetzner.resources() if each["kind"] == "ssh_key"]
    assert [(each["name"], each["labels"]) for each in keys] == [("somebody", {})]
    workspace.done("destroy", "-input=false", "-auto-approve")
    assert [each["name"] for each in hetzner.resources()] == ["somebody"]


def test_a_destroyed_cluster_leaves_nothing(workspace: "Workspace", hetzner: "Hetzner") -> None:
    workspace.wish(load_balancer=FRONT, private_only=True, pools=pools(alpha=1, bravo=1))
    workspace.apply()
    assert len(hetzner.resources()) > 10
    workspace.done("destroy", "-input=false", "-auto-approve")
    assert hetzner.resources() == []


def test_a_cluster_whose_types_and_image_are_no_longer_sold_can_still_be_planned_and_destroyed(
    workspace: "Workspace", hetzner: "Hetzner"
) -> None:
    workspace.apply()
    workspace.wish(image="debian-9", placements={"workers-1": {"type": "cax99", "location": "nbg1"}})
    told = workspace.done("plan", "-input=false")
    words = " ".join(told.split())
    assert "Hetzner does not sell cax99@nbg1" in words
    assert "Hetzner has no image debian-9 for arm" in words
    workspace.done("destroy", "-input=false", "-auto-approve")
    assert hetzner.resources() == []


@pytest.mark.parametrize("change", [{"private_only": True}, {"subnet_range": "10.0.64.0/20"}])
def test_what_no_living_node_can_follow_replaces_the_nodes_and_comes_to_rest(
    workspace: "Workspace", hetzner: "Hetzner", change: dict[str, Any]
) -> None:
    workspace.wish(load_balancer=FRONT, pools=pools(workers=1))
    workspace.apply()
    workspace.wish(load_balancer=FRONT, pools=pools(workers=1), **change)
    plan = workspace.plan()
    assert plan['hcloud_server.node["control-plane-1"]'] == ["delete", "create"]
    assert plan['hcloud_server.node["workers-1"]'] == ["delete", "create"]
    assert 'hcloud_volume.node["workers-1"]' not in plan
    workspace.apply()
    assert workspace.plan() == {}
    workspace.done("destroy", "-input=false", "-auto-approve")
    assert hetzner.resources() == []
