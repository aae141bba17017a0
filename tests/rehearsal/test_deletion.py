"""What may be deleted, and what goes with it."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Project

BALANCER = {"load_balancer_type": "lb11", "location": "nbg1"}


def test_a_subnet_in_use_stays(project: "Project") -> None:
    """The words are those the provider looks for before it tries again."""
    network = project.network()
    server = project.server(networks=[network["id"]])
    delete = f"/networks/{network['id']}/actions/delete_subnet"
    sent = project.send("POST", delete, {"ip_range": "10.0.0.0/24"})
    assert sent.body is not None
    assert sent.body["error"]["code"] == "service_error"
    assert "servers are attached" in sent.body["error"]["message"]
    project.done("DELETE", f"/servers/{server['id']}")
    project.done("POST", delete, {"ip_range": "10.0.0.0/24"})


def test_a_load_balancer_keeps_a_subnet_too(project: "Project") -> None:
    network = project.network()
    balancer = project.make("load_balancers", **BALANCER, network=network["id"])
    delete = f"/networks/{network['id']}/actions/delete_subnet"
    assert project.code("POST", delete, {"ip_range": "10.0.0.0/24"}) == "service_error"
    project.done("DELETE", f"/load_balancers/{balancer['id']}")
    project.done("POST", delete, {"ip_range": "10.0.0.0/24"})


def test_a_network_lets_go_of_what_is_in_it(project: "Project") -> None:
    network = project.network()["id"]
    server = project.server(networks=[network])
    target = {"type": "server", "server": {"id": server["id"]}, "use_private_ip": True}
    balancer = project.make("load_balancers", **BALANCER, network=network, targets=[target])
    project.done("DELETE", f"/networks/{network}")
    assert project.done("GET", f"/servers/{server['id']}")["server"]["private_net"] == []
    left = project.done("GET", f"/load_balancers/{balancer['id']}")["load_balancer"]
    assert (left["private_net"], left["targets"]) == ([], [])


def test_an_assigned_primary_ip_needs_its_server_off(project: "Project") -> None:
    ip = project.make("primary_ips", type="ipv4", location="nbg1")["id"]
    server = project.server(public_net={"enable_ipv4": True, "enable_ipv6": True, "ipv4": ip})
    assert project.code("DELETE", f"/primary_ips/{ip}") == "server_not_stopped"
    assert project.code("POST", f"/primary_ips/{ip}/actions/unassign") == "server_not_stopped"
    project.off(server)
    project.done("DELETE", f"/primary_ips/{ip}")
    assert project.done("GET", f"/servers/{server['id']}")["server"]["public_net"]["ipv4"] is None


def test_an_attached_volume_stays_and_outlives_its_server(project: "Project") -> None:
    server = project.server()
    volume = project.make("volumes", size=10, server=server["id"])["id"]
    sent = project.send("DELETE", f"/volumes/{volume}")
    assert sent.body is not None
    assert sent.body["error"]["message"] == f"volume with ID '{volume}' is still attached to a server"
    project.done("DELETE", f"/servers/{server['id']}")
    assert project.done("GET", f"/volumes/{volume}")["volume"]["server"] is None
    project.done("DELETE", f"/volumes/{volume}")


def test_a_placement_group_in_use_stays(project: "Project") -> None:
    group = project.make("placement_groups", type="spread")["id"]
    server = project.server(placement_group=group)
    assert project.code("DELETE", f"/placement_groups/{group}") == "resource_in_use"
    project.done("DELETE", f"/servers/{server['id']}")
    project.done("DELETE", f"/placement_groups/{group}")


def test_a_firewall_in_use_stays_until_it_is_taken_off(project: "Project") -> None:
    server = project.server()
    rule = {"direction": "in", "protocol": "icmp", "source_ips": ["0.0.0.0/0"]}
    named = {"type": "server", "server": {"id": server["id"]}}
    firewall = project.make("firewalls", rules=[rule], apply_to=[named])["id"]
    assert project.code("DELETE", f"/firewalls/{firewall}") == "resource_in_use"
    project.done("POST", f"/firewalls/{firewall}/actions/remove_from_resources", {"remove_from": [named]})
    project.done("DELETE", f"/firewalls/{firewall}")


def test_a_deleted_server_leaves_firewalls_and_load_balancers(project: "Project") -> None:
    server = project.server()
    named = {"type": "server", "server": {"id": server["id"]}}
    firewall = project.make("firewalls", apply_to=[named])["id"]
    balancer = project.make("load_balancers", **BALANCER, targets=[named])["id"]
    project.done("DELETE", f"/servers/{server['id']}")
    assert project.done("GET", f"/firewalls/{firewall}")["firewall"]["applied_to"] == []
    assert project.done("GET", f"/load_balancers/{balancer}")["load_balancer"]["targets"] == []


def test_a_server_can_be_deleted_while_its_action_never_ends(project: "Project") -> None:
    project.answering.use('{"faults": [{"kind": "action_never_ends", "path": "/servers"}]}')
    body = {"name": "a", "server_type": "cax11", "image": "debian-12"}
    made = project.done("POST", "/servers", body)
    project.later(86_400)
    assert project.done("GET", f"/servers/{made['server']['id']}")["server"]["status"] == "initializing"
    project.done("DELETE", f"/servers/{made['server']['id']}")
    action = project.done("GET", f"/actions/{made['action']['id']}")["action"]
    assert (action["status"], action["error"]["code"]) == ("error", "canceled")


@pytest.mark.parametrize(
    ("plural", "wish"),
    [
        ("networks", {"ip_range": "10.0.0.0/16"}),
        ("volumes", {"size": 10, "location": "nbg1"}),
        ("primary_ips", {"type": "ipv4", "location": "nbg1"}),
        ("load_balancers", BALANCER),
    ],
)
def test_what_is_protected_stays(project: "Project", plural: str, wish: dict[str, object]) -> None:
    path = f"/{plural}/{project.make(plural, **wish)['id']}"
    project.done("POST", f"{path}/actions/change_protection", {"delete": True})
    sent = project.send("DELETE", path)
    assert sent.status == 423
    assert sent.body is not None
    message = f"{plural[:-1].replace('_', ' ')} deletion is protected"
    assert (sent.body["error"]["code"], sent.body["error"]["message"]) == ("protected", message)
    project.done("POST", f"{path}/actions/change_protection", {"delete": False})
    project.send("DELETE", path)
    assert project.code("GET", path) == "not_found"
