"""What Hetzner says of volumes, primary IPs, SSH keys and placement groups; what they cost."""

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from kvx_rehearsal.bill import alive
from kvx_rehearsal.resources.ssh_keys import fingerprint_of

if TYPE_CHECKING:
    from conftest import Project

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIC6WCmcYJ2wJgWGSB9GMEJOZLIy8ml8qXDMTjjtBLIwV test"


@pytest.mark.parametrize("size", [9, 10_241, "10", None])
def test_a_volume_has_10_to_10240_gb(project: "Project", size: object) -> None:
    body = {"name": "v", "size": size, "location": "nbg1"}
    assert project.code("POST", "/volumes", body) == "invalid_input"


def test_a_volume_only_grows(project: "Project") -> None:
    volume = project.make("volumes", size=20, location="nbg1")["id"]
    for size in (10, 20):
        assert project.code("POST", f"/volumes/{volume}/actions/resize", {"size": size}) == "invalid_input"


def test_a_volume_is_attached_once_and_nearby(project: "Project") -> None:
    near, far = project.server(), project.server(location="hel1")
    volume = project.make("volumes", size=10, location="nbg1")["id"]
    attach = f"/volumes/{volume}/actions/attach"
    assert project.code("POST", attach, {"server": far["id"]}) == "invalid_input"
    project.done("POST", attach, {"server": near["id"]})
    project.later()
    assert project.code("POST", attach, {"server": near["id"]}) == "volume_already_attached"
    shown = project.done("GET", f"/servers/{near['id']}")["server"]
    assert shown["volumes"] == [volume]


def test_a_volume_is_creating_then_available(project: "Project") -> None:
    made = project.done("POST", "/volumes", {"name": "v", "size": 10, "location": "nbg1"})
    assert made["volume"]["status"] == "creating"
    project.later()
    assert project.done("GET", f"/volumes/{made['volume']['id']}")["volume"]["status"] == "available"


def test_a_primary_ip_is_for_a_place_or_for_a_server_that_is_off(project: "Project") -> None:
    assert project.code("POST", "/primary_ips", {"name": "p", "type": "ipv4"}) == "invalid_input"
    server = project.server(public_net={"enable_ipv4": False, "enable_ipv6": True})
    body = {"name": "p", "type": "ipv4", "assignee_id": server["id"], "assignee_type": "server"}
    assert project.code("POST", "/primary_ips", body) == "server_not_stopped"
    project.off(server)
    made = project.done("POST", "/primary_ips", body)
    assert made["action"]["command"] == "assign_primary_ip"
    assert made["primary_ip"]["assignee_id"] == server["id"]
    assert project.code("POST", "/primary_ips", {**body, "name": "q"}) == "server_has_ipv4"
    assign = f"/primary_ips/{made['primary_ip']['id']}/actions/assign"
    wish = {"assignee_id": project.server()["id"], "assignee_type": "server"}
    assert project.code("POST", assign, wish) == "primary_ip_already_assigned"


def test_primary_ips_differ(project: "Project") -> None:
    for kind in ("ipv4", "ipv6"):
        ips = [project.make("primary_ips", type=kind, location="nbg1")["ip"] for _ in range(5)]
        assert len(set(ips)) == 5


def test_protection_and_automatic_deletion_exclude_each_other(project: "Project") -> None:
    ip = project.make("primary_ips", type="ipv4", location="nbg1", auto_delete=True)["id"]
    body = {"delete": True}
    assert project.code("POST", f"/primary_ips/{ip}/actions/change_protection", body) == "invalid_input"


def test_a_key_is_unique_by_name_and_by_itself(project: "Project") -> None:
    key = project.make("ssh_keys", name="a", public_key=KEY)
    assert key["fingerprint"] == fingerprint_of(KEY)
    found = project.done("GET", f"/ssh_keys?fingerprint={key['fingerprint']}")["ssh_keys"]
    assert [each["id"] for each in found] == [key["id"]]
    sent = project.send("POST", "/ssh_keys", {"name": "b", "public_key": f"{KEY} of another comment"})
    assert sent.body is not None
    assert sent.body["error"]["code"] == "uniqueness_error"
    assert sent.body["error"]["message"] == "SSH key with the same fingerprint already exists"
    assert sent.body["error"]["details"]["fields"][0]["name"] == "public_key"


@pytest.mark.parametrize("key", ["", "ssh-ed25519", "ssh-ed25519 not*base64", "-----BEGIN PRIVATE KEY-----"])
def test_what_is_no_public_key_is_refused(project: "Project", key: str) -> None:
    assert project.code("POST", "/ssh_keys", {"name": "a", "public_key": key}) == "invalid_input"


def test_labels_in_a_change_replace_those_there_were(project: "Project") -> None:
    group = project.make("placement_groups", type="spread", labels={"a": "1", "b": "2"})["id"]
    changed = project.done("PUT", f"/placement_groups/{group}", {"labels": {"c": "3"}})
    assert changed["placement_group"]["labels"] == {"c": "3"}


def test_the_golden_cluster_costs_what_the_snapshot_says(project: "Project") -> None:
    """1 cax11, 2 cax21, 3 IPv4, LB11 and 50 GB: 38.82 a month, net."""
    for server_type in ("cax11", "cax21", "cax21"):
        project.server(server_type=server_type)
    project.make("load_balancers", load_balancer_type="lb11", location="nbg1")
    project.make("volumes", size=50, location="nbg1")
    bill = alive(project.answering.store, project.answering.snapshot)
    assert (bill["monthly_net"], bill["currency"]) == ("38.82", "EUR")


def test_backups_cost_a_fifth_more_and_an_unknown_price_is_none(project: "Project") -> None:
    server = project.server()
    project.done("POST", f"/servers/{server['id']}/actions/enable_backup")
    line = alive(project.answering.store, project.answering.snapshot)["resources"][0]
    assert Decimal(line["monthly_net"]) == Decimal("5.99") * Decimal("1.2")
    project.make("primary_ips", name="far", type="ipv4", location="ash")
    lines = alive(project.answering.store, project.answering.snapshot)["resources"]
    assert [line["monthly_net"] for line in lines if line["name"] == "far"] == [None]
