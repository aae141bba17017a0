"""What Hetzner says of firewalls, rule by rule."""

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import Project

SSH = {"direction": "in", "protocol": "tcp", "port": "22", "source_ips": ["198.51.100.0/24", "2001:db8::/32"]}
BY_LABEL = {"type": "label_selector", "label_selector": {"selector": "kvx/cluster=demo"}}


@pytest.mark.parametrize(
    "change",
    [
        {"port": None},
        {"port": "0"},
        {"port": "1-70000"},
        {"protocol": "icmp"},
        {"source_ips": []},
        {"source_ips": ["198.51.100.7/24"]},
        {"source_ips": ["everybody"]},
        {"direction": "through"},
        {"description": "x" * 256},
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(project: "Project", change: dict[str, Any]) -> None:
    body = {"name": "f", "rules": [{**SSH, **change}]}
    assert project.code("POST", "/firewalls", body) == "invalid_input"


def test_a_firewall_has_at_most_50_rules(project: "Project") -> None:
    firewall = project.make("firewalls", rules=[SSH] * 50)
    assert len(firewall["rules"]) == 50
    set_rules = f"/firewalls/{firewall['id']}/actions/set_rules"
    assert project.code("POST", set_rules, {"rules": [SSH] * 51}) == "invalid_input"


def test_a_label_covers_servers_that_come_later(project: "Project") -> None:
    firewall = project.make("firewalls", rules=[SSH], apply_to=[BY_LABEL])
    assert firewall["applied_to"] == [{**BY_LABEL, "applied_to_resources": []}]
    ours = project.server(labels={"kvx/cluster": "demo"})
    theirs = project.server(labels={"kvx/cluster": "other"})
    assert ours["public_net"]["firewalls"] == [{"id": firewall["id"], "status": "applied"}]
    assert theirs["public_net"]["firewalls"] == []
    shown = project.done("GET", f"/firewalls/{firewall['id']}")["firewall"]["applied_to"][0]
    assert shown["applied_to_resources"] == [{"type": "server", "server": {"id": ours["id"]}}]


def test_a_server_covered_by_a_label_is_not_removed_by_name(project: "Project") -> None:
    firewall = project.make("firewalls", rules=[SSH], apply_to=[BY_LABEL])["id"]
    server = project.server(labels={"kvx/cluster": "demo"})
    remove = f"/firewalls/{firewall}/actions/remove_from_resources"
    named = {"remove_from": [{"type": "server", "server": {"id": server["id"]}}]}
    assert project.code("POST", remove, named) == "firewall_managed_by_label_selector"
    other = {"remove_from": [{"type": "server", "server": {"id": project.server()["id"]}}]}
    assert project.code("POST", remove, other) == "firewall_resource_not_found"


def test_a_firewall_is_applied_once_and_only_to_what_is_there(project: "Project") -> None:
    firewall = project.make("firewalls", apply_to=[BY_LABEL])["id"]
    apply = f"/firewalls/{firewall}/actions/apply_to_resources"
    assert project.code("POST", apply, {"apply_to": [BY_LABEL]}) == "firewall_already_applied"
    nobody = {"apply_to": [{"type": "server", "server": {"id": 1}}]}
    assert project.code("POST", apply, nobody) == "firewall_resource_not_found"
    assert project.code("POST", apply, {"apply_to": [{"type": "everything"}]}) == "invalid_input"


def test_a_server_without_a_public_net_has_no_firewall(project: "Project") -> None:
    private = {"enable_ipv4": False, "enable_ipv6": False}
    server = project.server(public_net=private, start_after_create=False)
    named = {"type": "server", "server": {"id": server["id"]}}
    assert project.code("POST", "/firewalls", {"name": "f", "apply_to": [named]}) == "private_net_only_server"
    project.make("firewalls", apply_to=[BY_LABEL])
    labelled = project.done("PUT", f"/servers/{server['id']}", {"labels": {"kvx/cluster": "demo"}})
    assert labelled["server"]["public_net"]["firewalls"] == []


def test_a_server_has_at_most_five_firewalls(project: "Project") -> None:
    server = project.server()
    named = {"type": "server", "server": {"id": server["id"]}}
    for _ in range(5):
        project.make("firewalls", apply_to=[named])
    assert project.code("POST", "/firewalls", {"name": "f", "apply_to": [named]}) == "service_error"
