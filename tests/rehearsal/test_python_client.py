"""The real hcloud Python client accepts the simulation, kind by kind."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hcloud import APIException, Client
from hcloud.firewalls import FirewallResource, FirewallResourceLabelSelector, FirewallRule
from hcloud.images import Image
from hcloud.load_balancer_types import LoadBalancerType
from hcloud.load_balancers import (
    LoadBalancerService,
    LoadBalancerTarget,
    LoadBalancerTargetLabelSelector,
)
from hcloud.locations import Location
from hcloud.networks import NetworkRoute, NetworkSubnet
from hcloud.server_types import ServerType
from hcloud.servers import ServerCreatePublicNetwork

if TYPE_CHECKING:
    from conftest import Program

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIC6WCmcYJ2wJgWGSB9GMEJOZLIy8ml8qXDMTjjtBLIwV test"
NUREMBERG = Location(name="nbg1")
LABELS = {"kvx/cluster": "demo"}


@pytest.fixture
def client(program: "Program") -> Client:
    return program.client()


def test_a_server_with_everything_around_it_is_made_and_taken_down(client: Client) -> None:
    key = client.ssh_keys.create("demo", KEY, LABELS)
    network = client.networks.create("demo", "10.0.0.0/16", labels=LABELS)
    network.add_subnet(NetworkSubnet("10.0.0.0/24", "cloud", "eu-central")).wait_until_finished()
    network.reload()
    assert network.subnets[0].gateway == "10.0.0.1"
    group = client.placement_groups.create("demo", "spread").placement_group
    ip = client.primary_ips.create("ipv4", "demo", location=NUREMBERG, auto_delete=False).primary_ip
    assert (ip.assignee_type, ip.assignee_id) == ("unassigned", None)
    rule = FirewallRule("in", "tcp", ["198.51.100.7/32"], port="22")
    chosen = FirewallResource("label_selector", label_selector=FirewallResourceLabelSelector("kvx/cluster"))
    firewall = client.firewalls.create("demo", [rule], resources=[chosen])
    made = client.servers.create(
        "demo-1",
        ServerType(name="cax11"),
        Image(name="debian-12"),
        ssh_keys=[key],
        networks=[network],
        labels=LABELS,
        location=NUREMBERG,
        placement_group=group,
        user_data="#cloud-config\n",
        public_net=ServerCreatePublicNetwork(ipv4=ip, enable_ipv6=True),
    )
    for action in [made.action, *made.next_actions, *firewall.actions]:
        action.wait_until_finished()
    server = client.servers.get_by_name("demo-1")
    assert server is not None
    assert server.status == "running"
    assert server.public_net.ipv4.ip == ip.ip
    assert server.private_net[0].ip == "10.0.0.2"
    assert server.image.architecture == "arm"
    assert server.placement_group.id == group.id
    assert [each.firewall.id for each in server.public_net.firewalls] == [firewall.firewall.id]
    assert made.root_password is None
    server.delete().wait_until_finished()
    assert client.servers.get_all() == []
    assert client.primary_ips.get_by_name("demo").assignee_id is None
    for action in firewall.firewall.remove_from_resources([chosen]):
        action.wait_until_finished()
    for left in (firewall.firewall, group, network, ip, key):
        left.delete()


def test_a_load_balancer_spreads_over_labelled_servers(client: Client) -> None:
    network = client.networks.create(
        "demo", "10.0.0.0/16", subnets=[NetworkSubnet("10.0.0.0/24", "cloud", "eu-central")]
    )
    server = client.servers.create(
        "demo-1", ServerType("cax11"), Image(name="debian-12"), labels=LABELS, networks=[network]
    ).server
    made = client.load_balancers.create(
        "demo", LoadBalancerType(name="lb11"), location=NUREMBERG, network=network, labels=LABELS
    )
    made.action.wait_until_finished()
    balancer = made.load_balancer
    balancer.add_service(
        LoadBalancerService(protocol="tcp", listen_port=443, destination_port=30443, proxyprotocol=False)
    ).wait_until_finished()
    selector = LoadBalancerTargetLabelSelector("kvx/cluster=demo")
    target = LoadBalancerTarget("label_selector", label_selector=selector, use_private_ip=True)
    balancer.add_target(target).wait_until_finished()
    balancer.reload()
    assert balancer.targets[0].targets[0].server.id == server.id
    assert balancer.services[0].health_check.port == 30443
    balancer.delete().action.wait_until_finished()
    assert client.load_balancers.get_all(label_selector="kvx/cluster=demo") == []


def test_a_volume_grows_and_moves(client: Client) -> None:
    servers = [
        client.servers.create(f"demo-{n}", ServerType("cax11"), Image(name="debian-12"), location=NUREMBERG)
        for n in (1, 2)
    ]
    for made in servers:
        for action in [made.action, *made.next_actions]:
            action.wait_until_finished()
    made = client.volumes.create(50, "demo", server=servers[0].server, format="ext4")
    for action in [made.action, *made.next_actions]:
        action.wait_until_finished()
    volume = client.volumes.get_by_name("demo")
    assert volume is not None
    assert volume.server.id == servers[0].server.id
    assert volume.linux_device.endswith(str(volume.id))
    volume.detach().wait_until_finished()
    volume.attach(servers[1].server).wait_until_finished()
    volume.resize(60).wait_until_finished()
    volume.reload()
    assert (volume.size, volume.server.id) == (60, servers[1].server.id)


def test_a_server_changes_its_type_while_it_is_off(client: Client) -> None:
    made = client.servers.create("demo-1", ServerType("cax11"), Image(name="debian-12"))
    for action in [made.action, *made.next_actions]:
        action.wait_until_finished()
    with pytest.raises(APIException, match="server_not_stopped"):
        made.server.change_type(ServerType("cax21"), upgrade_disk=False)
    made.server.power_off().wait_until_finished()
    made.server.change_type(ServerType("cax21"), upgrade_disk=False).wait_until_finished()
    server = client.servers.get_by_id(made.server.id)
    assert (server.server_type.name, server.primary_disk_size, server.status) == ("cax21", 40, "running")
    server.change_protection(delete=True, rebuild=True).wait_until_finished()
    with pytest.raises(APIException, match="protected"):
        server.delete()


def test_routes_come_and_go(client: Client) -> None:
    network = client.networks.create(
        "demo", "10.0.0.0/16", subnets=[NetworkSubnet("10.0.0.0/24", "cloud", "eu-central")]
    )
    route = NetworkRoute("0.0.0.0/0", "10.0.0.2")
    network.add_route(route).wait_until_finished()
    network.reload()
    assert network.routes[0].gateway == "10.0.0.2"
    network.delete_route(route).wait_until_finished()
    network.reload()
    assert network.routes == []


def test_an_image_of_one_name_exists_for_each_architecture(client: Client) -> None:
    images = {image.architecture: image.id for image in client.images.get_all(name="debian-12")}
    arm = client.images.get_by_name_and_architecture("debian-12", "arm")
    assert sorted(images) == ["arm", "x86"]
    assert arm is not None
    assert arm.id == images["arm"] != images["x86"]


def test_what_can_be_ordered_is_listed(client: Client) -> None:
    kind = client.server_types.get_by_name("cax21")
    assert kind is not None
    assert (kind.architecture, kind.cores, kind.memory, kind.disk) == ("arm", 4, 8, 80)
    assert {place.location.name for place in kind.locations if place.available} == {"fsn1", "nbg1", "hel1"}
    assert client.locations.get_by_name("hel1").network_zone == "eu-central"
    assert client.load_balancer_types.get_by_name("lb11").max_targets == 25


def test_the_client_reads_every_page(client: Client) -> None:
    for number in range(50):
        client.placement_groups.create(f"demo-{number}", "spread")
    assert len(client.placement_groups.get_all()) == 50
    with pytest.raises(APIException, match="resource_limit_exceeded"):
        client.placement_groups.create("one-too-many", "spread")


def test_the_program_keeps_its_state_to_itself(program: "Program", tmp_path: Path) -> None:
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o600
