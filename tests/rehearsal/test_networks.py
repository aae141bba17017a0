"""What Hetzner says of networks, subnets and routes, rule by rule."""

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import Project

CLOUD = {"type": "cloud", "network_zone": "eu-central"}


def act(network: dict[str, Any], command: str) -> str:
    return f"/networks/{network['id']}/actions/{command}"


@pytest.mark.parametrize("ip_range", ["8.8.0.0/16", "10.0.0.0/25", "10.0.0.1/16", "nonsense", None])
def test_a_network_is_a_private_range(project: "Project", ip_range: str | None) -> None:
    assert project.code("POST", "/networks", {"name": "n", "ip_range": ip_range}) == "invalid_input"


@pytest.mark.parametrize(
    "subnet",
    [
        {**CLOUD, "ip_range": "10.1.0.0/24"},
        {**CLOUD, "ip_range": "10.0.0.0/25"},
        {**CLOUD, "ip_range": "10.0.2.0/31"},
        {**CLOUD, "type": "lan"},
        {**CLOUD, "network_zone": "moon"},
    ],
)
def test_a_subnet_fits_into_its_network(project: "Project", subnet: dict[str, str]) -> None:
    assert project.code("POST", act(project.network(), "add_subnet"), subnet) == "invalid_input"


def test_a_subnet_without_a_range_gets_the_first_free_one(project: "Project") -> None:
    network = project.network()
    project.done("POST", act(network, "add_subnet"), CLOUD)
    ranges = [s["ip_range"] for s in project.done("GET", f"/networks/{network['id']}")["network"]["subnets"]]
    assert ranges == ["10.0.0.0/24", "10.0.1.0/24"]


def test_a_network_takes_one_change_at_a_time(project: "Project") -> None:
    network = project.network()
    project.done("POST", act(network, "add_subnet"), CLOUD)
    assert project.code("POST", act(network, "add_subnet"), CLOUD) == "conflict"
    project.later()
    project.done("POST", act(network, "add_subnet"), CLOUD)


@pytest.mark.parametrize(
    ("route", "field"),
    [
        ({"destination": "8.8.8.0/24", "gateway": "10.0.0.2"}, "destination"),
        ({"destination": "10.0.0.0/25", "gateway": "10.0.0.2"}, "destination"),
        ({"destination": "0.0.0.0/0", "gateway": "10.0.0.1"}, "gateway"),
        ({"destination": "0.0.0.0/0", "gateway": "192.168.0.1"}, "gateway"),
    ],
)
def test_a_route_leads_somewhere(project: "Project", route: dict[str, str], field: str) -> None:
    sent = project.send("POST", act(project.network(), "add_route"), route)
    assert sent.body is not None
    assert sent.body["error"]["details"]["fields"][0]["name"] == field


def test_a_network_only_grows_at_its_end(project: "Project") -> None:
    network = project.network()
    assert (
        project.code("POST", act(network, "change_ip_range"), {"ip_range": "10.0.0.0/17"}) == "invalid_input"
    )
    assert (
        project.code("POST", act(network, "change_ip_range"), {"ip_range": "172.16.0.0/12"})
        == "invalid_input"
    )
    project.done("POST", act(network, "change_ip_range"), {"ip_range": "10.0.0.0/15"})


def test_servers_get_the_first_free_addresses_after_the_gateway(project: "Project") -> None:
    network = project.network()
    servers = [project.server(networks=[network["id"]]) for _ in range(2)]
    assert [server["private_net"][0]["ip"] for server in servers] == ["10.0.0.2", "10.0.0.3"]
    shown = project.done("GET", f"/networks/{network['id']}")["network"]
    assert shown["subnets"][0]["gateway"] == "10.0.0.1"
    assert shown["servers"] == [server["id"] for server in servers]


def test_an_address_is_given_once(project: "Project") -> None:
    network = project.network()
    first, second = project.server(), project.server()
    wish = {"network": network["id"], "ip": "10.0.0.50", "alias_ips": ["10.0.0.51"]}
    project.done("POST", f"/servers/{first['id']}/actions/attach_to_network", wish)
    attach = f"/servers/{second['id']}/actions/attach_to_network"
    for taken in ("10.0.0.50", "10.0.0.51", "10.0.0.1", "10.1.0.1"):
        assert project.code("POST", attach, {**wish, "ip": taken, "alias_ips": []}) == "ip_not_available"
    project.later()
    again = f"/servers/{first['id']}/actions/attach_to_network"
    assert project.code("POST", again, wish) == "server_already_attached"


def test_a_server_needs_a_subnet_in_its_zone(project: "Project") -> None:
    network = project.make("networks", ip_range="10.0.0.0/16")
    attach = f"/servers/{project.server()['id']}/actions/attach_to_network"
    assert project.code("POST", attach, {"network": network["id"]}) == "no_subnet_available"
    project.done("POST", act(network, "add_subnet"), {**CLOUD, "network_zone": "us-east"})
    assert project.code("POST", attach, {"network": network["id"]}) == "no_subnet_available"


def test_a_server_is_not_in_two_networks_that_overlap(project: "Project") -> None:
    one, other = project.network()["id"], project.network(name="other")["id"]
    server = project.server(networks=[one])
    attach = f"/servers/{server['id']}/actions/attach_to_network"
    assert project.code("POST", attach, {"network": other}) == "networks_overlap"


def test_a_network_holds_a_hundred_servers(project: "Project") -> None:
    network = project.network()["id"]
    for _ in range(100):
        project.server(networks=[network])
    body = {"name": "more", "server_type": "cax11", "image": "debian-12", "networks": [network]}
    assert project.code("POST", "/servers", body) == "resource_limit_exceeded"
