"""What Hetzner says of load balancers, their services and targets, rule by rule."""

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import Project

WISH = {"load_balancer_type": "lb11", "location": "nbg1"}
TCP = {"protocol": "tcp", "listen_port": 443, "destination_port": 30443}


def act(balancer: dict[str, Any], command: str) -> str:
    return f"/load_balancers/{balancer['id']}/actions/{command}"


def shown(project: "Project", balancer: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = project.done("GET", f"/load_balancers/{balancer['id']}")["load_balancer"]
    return found


def test_a_load_balancer_is_in_a_location_or_a_zone(project: "Project") -> None:
    zone = {"load_balancer_type": "lb11", "network_zone": "eu-central"}
    assert project.make("load_balancers", **zone)["location"]["network_zone"] == "eu-central"
    wrong: list[dict[str, Any]] = [
        {**zone, **WISH},
        {**WISH, "location": None},
        {**WISH, "location": "moon1"},
    ]
    for wish in wrong:
        assert project.code("POST", "/load_balancers", {"name": "l", **wish}) == "invalid_input"


def test_a_service_has_the_documented_defaults(project: "Project") -> None:
    balancer = project.make("load_balancers", **WISH, services=[{"protocol": "http"}])
    service = balancer["services"][0]
    assert (service["listen_port"], service["destination_port"], service["proxyprotocol"]) == (80, 80, False)
    assert service["http"]["cookie_lifetime"] == 300
    check = service["health_check"]
    usual = (check["protocol"], check["port"], check["interval"], check["timeout"], check["retries"])
    assert usual == ("http", 80, 15, 10, 3)
    assert check["http"]["status_codes"] == ["2??", "3??"]


def test_an_update_changes_only_what_it_names(project: "Project") -> None:
    idle = {"protocol": "http", "http": {"timeout_idle": 300}}
    balancer = project.make("load_balancers", **WISH, services=[idle])
    project.done("POST", act(balancer, "update_service"), {"listen_port": 80, "destination_port": 8080})
    service = shown(project, balancer)["services"][0]
    assert (service["destination_port"], service["http"]["timeout_idle"]) == (8080, 300)


@pytest.mark.parametrize(
    ("service", "code"),
    [
        ({"protocol": "tcp", "listen_port": 1}, "invalid_input"),
        ({"protocol": "tcp", "listen_port": 70_000, "destination_port": 1}, "invalid_input"),
        ({"protocol": "https"}, "invalid_input"),
        ({"protocol": "http", "http": {"timeout_idle": 301}}, "invalid_input"),
        ({"protocol": "http", "listen_port": 443}, "source_port_already_used"),
    ],
)
def test_a_service_that_cannot_be_is_refused(project: "Project", service: dict[str, Any], code: str) -> None:
    balancer = project.make("load_balancers", **WISH, services=[TCP])
    assert project.code("POST", act(balancer, "add_service"), service) == code


def test_a_type_holds_so_many_services(project: "Project") -> None:
    services = [{**TCP, "listen_port": port} for port in range(1, 7)]
    balancer = project.make("load_balancers", **WISH, services=services[:5])
    assert project.code("POST", act(balancer, "add_service"), services[5]) == "resource_limit_exceeded"
    project.done("POST", act(balancer, "change_type"), {"load_balancer_type": "lb21"})
    project.done("POST", act(balancer, "add_service"), services[5])
    smaller = {"load_balancer_type": "lb11"}
    assert project.code("POST", act(balancer, "change_type"), smaller) == "invalid_load_balancer_type"


def test_a_label_selects_targets_with_their_health(project: "Project") -> None:
    network = project.network()["id"]
    labels = {"kvx/cluster": "demo"}
    on, off = (project.server(labels=labels, networks=[network]) for _ in range(2))
    project.off(off)
    selector = {
        "type": "label_selector",
        "label_selector": {"selector": "kvx/cluster"},
        "use_private_ip": True,
    }
    wish = {**WISH, "network": network, "services": [TCP], "targets": [selector]}
    target = project.make("load_balancers", **wish)["targets"][0]
    health = {each["server"]["id"]: each["health_status"][0]["status"] for each in target["targets"]}
    assert health == {on["id"]: "healthy", off["id"]: "unknown"}


def test_a_target_must_be_reachable(project: "Project") -> None:
    balancer = project.make("load_balancers", **WISH)
    server = project.server()
    target = {"type": "server", "server": {"id": server["id"]}}
    private = {**target, "use_private_ip": True}
    add = act(balancer, "add_target")
    assert project.code("POST", add, private) == "load_balancer_not_attached_to_network"
    network = project.network()["id"]
    project.done("POST", act(balancer, "attach_to_network"), {"network": network})
    assert project.code("POST", add, private) == "server_not_attached_to_network"
    project.done("POST", add, target)
    assert project.code("POST", add, target) == "target_already_defined"
    attach = act(balancer, "attach_to_network")
    assert project.code("POST", attach, {"network": network}) == "load_balancer_already_attached"
    assert project.code("POST", act(balancer, "disable_public_interface")) == "targets_without_use_private_ip"
    assert project.code("POST", add, {"type": "ip", "ip": {"ip": "192.0.2.9"}}) == "ip_not_owned"


def test_a_target_that_is_not_there_is_not_removed(project: "Project") -> None:
    """The code is the one the provider takes for "already gone"."""
    balancer = project.make("load_balancers", **WISH)
    target = {"type": "label_selector", "label_selector": {"selector": "a"}}
    assert project.code("POST", act(balancer, "remove_target"), target) == "load_balancer_target_not_found"


def test_private_targets_go_when_the_network_is_left(project: "Project") -> None:
    network = project.network()["id"]
    selector = {"type": "label_selector", "label_selector": {"selector": "a"}, "use_private_ip": True}
    balancer = project.make("load_balancers", **WISH, network=network, targets=[selector])
    project.done("POST", act(balancer, "disable_public_interface"))
    project.done("POST", act(balancer, "detach_from_network"), {"network": network})
    assert shown(project, balancer)["targets"] == []


def test_a_public_target_keeps_its_address(project: "Project") -> None:
    server = project.server()
    named = {"type": "server", "server": {"id": server["id"]}}
    project.make("load_balancers", **WISH, targets=[named])
    project.off(server)
    ip = server["public_net"]["ipv4"]["id"]
    assert project.code("POST", f"/primary_ips/{ip}/actions/unassign") == "server_is_load_balancer_target"
