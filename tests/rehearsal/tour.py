"""A walk through the whole API: every kind made, changed, listed; each answer with the name of its schema."""

from collections.abc import Iterator
from typing import Any, Protocol

Answered = tuple[str, str, dict[str, Any]]


class Asked(Protocol):
    """A project that can be asked."""

    def done(self, method: str, path: str, body: object = None) -> dict[str, Any]: ...
    def later(self, seconds: float = 60.0) -> None: ...


NAMES = {
    "servers": "Server",
    "networks": "Network",
    "firewalls": "Firewall",
    "load_balancers": "LoadBalancer",
    "volumes": "Volume",
    "primary_ips": "PrimaryIP",
    "placement_groups": "PlacementGroup",
    "ssh_keys": "SSHKey",
}
OFFERED = {
    "locations": "Location",
    "images": "Image",
    "server_types": "ServerType",
    "load_balancer_types": "LoadBalancerType",
}


def wishes(key: str) -> list[tuple[str, dict[str, Any]]]:
    """What is made, in an order that works; "@plural" stands for the id of what was made."""
    subnet = {"type": "cloud", "network_zone": "eu-central", "ip_range": "10.0.0.0/24"}
    rule = {"direction": "in", "protocol": "tcp", "port": "22", "source_ips": ["198.51.100.7/32"]}
    labels = {"kvx/cluster": "demo"}
    http = {"protocol": "http", "http": {"timeout_idle": 300}}
    tcp = {"protocol": "tcp", "listen_port": 443, "destination_port": 30443}
    chosen = {"type": "label_selector", "label_selector": {"selector": "kvx/cluster"}}
    return [
        ("ssh_keys", {"public_key": key, "labels": labels}),
        ("placement_groups", {"type": "spread", "labels": labels}),
        ("networks", {"ip_range": "10.0.0.0/16", "subnets": [subnet]}),
        ("primary_ips", {"type": "ipv4", "location": "nbg1"}),
        ("firewalls", {"rules": [rule], "apply_to": [chosen]}),
        (
            "servers",
            {
                "server_type": "cax11",
                "image": "debian-12",
                "location": "nbg1",
                "labels": labels,
                "ssh_keys": ["@ssh_keys"],
                "networks": ["@networks"],
                "firewalls": [{"firewall": "@firewalls"}],
                "placement_group": "@placement_groups",
                "public_net": {"enable_ipv4": True, "enable_ipv6": True, "ipv4": "@primary_ips"},
                "user_data": "#cloud-config\n",
            },
        ),
        ("volumes", {"size": 50, "server": "@servers", "format": "ext4"}),
        (
            "load_balancers",
            {
                "load_balancer_type": "lb11",
                "location": "nbg1",
                "network": "@networks",
                "services": [http, tcp],
                "targets": [
                    {**chosen, "use_private_ip": True},
                    {"type": "server", "server": {"id": "@servers"}},
                ],
            },
        ),
    ]


def filled(value: Any, made: dict[str, int]) -> Any:
    """A wish with the ids of what was made before."""
    match value:
        case str() if value.startswith("@"):
            return made[value[1:]]
        case list():
            return [filled(each, made) for each in value]
        case dict():
            return {name: filled(each, made) for name, each in value.items()}
    return value


def answers(project: Asked, key: str) -> Iterator[Answered]:
    """Name, hcloud-go's name of the answer, and the answer."""
    made: dict[str, int] = {}
    for plural, wish in wishes(key):
        answer = project.done(
            "POST", f"/{plural}", {"name": f"tour-{plural.replace('_', '-')}", **filled(wish, made)}
        )
        made[plural] = answer[plural[:-1]]["id"]
        yield f"POST {plural}", f"{NAMES[plural]}CreateResponse", answer
        yield (
            f"GET {plural} while made",
            f"{NAMES[plural]}GetResponse",
            project.done("GET", f"/{plural}/{made[plural]}"),
        )
        project.later()
    yield from looks(project, made)
    yield from changes(project, made)


def looks(project: Asked, made: dict[str, int]) -> Iterator[Answered]:
    for plural, name in NAMES.items():
        yield f"GET {plural}", f"{name}ListResponse", project.done("GET", f"/{plural}")
        yield f"GET {plural}/id", f"{name}GetResponse", project.done("GET", f"/{plural}/{made[plural]}")
        yield (
            f"GET {plural} actions",
            "ActionListResponse",
            project.done("GET", f"/{plural}/{made[plural]}/actions"),
        )
        yield f"GET all {plural} actions", "ActionListResponse", project.done("GET", f"/{plural}/actions")
    for plural, name in OFFERED.items():
        answer = project.done("GET", f"/{plural}?per_page=50")
        yield f"GET {plural}", f"{name}ListResponse", answer
        number = answer[plural][0]["id"]
        yield f"GET {plural}/id", f"{name}GetResponse", project.done("GET", f"/{plural}/{number}")
    yield "GET pricing", "PricingGetResponse", project.done("GET", "/pricing")


def changes(project: Asked, made: dict[str, int]) -> Iterator[Answered]:
    for plural, name in NAMES.items():
        answer = project.done("PUT", f"/{plural}/{made[plural]}", {"labels": {"changed": "yes"}})
        yield f"PUT {plural}", f"{name}UpdateResponse", answer
    rule = {"direction": "in", "protocol": "icmp", "source_ips": ["0.0.0.0/0"]}
    answer = project.done("POST", f"/firewalls/{made['firewalls']}/actions/set_rules", {"rules": [rule]})
    yield "set_rules", "FirewallActionSetRulesResponse", answer
    server = f"/servers/{made['servers']}"
    answer = project.done("POST", f"{server}/actions/rebuild", {"image": "ubuntu-24.04"})
    yield "rebuild", "ServerActionRebuildResponse", answer
    yield "GET action", "ActionGetResponse", project.done("GET", f"/actions/{answer['action']['id']}")
    yield "GET actions", "ActionListResponse", project.done("GET", f"/actions?id={answer['action']['id']}")
    project.later()
    for command, body in COMMANDS:
        path, _, action = command.partition(" ")
        answer = project.done("POST", f"/{path}/{made[path]}/actions/{action}", filled(body, made))
        yield command, "ActionGetResponse", answer
        project.later()
    yield "GET server", "ServerGetResponse", project.done("GET", server)
    yield "DELETE server", "ServerDeleteResponse", project.done("DELETE", server)


COMMANDS: list[tuple[str, dict[str, Any]]] = [
    ("servers shutdown", {}),
    ("servers change_type", {"server_type": "cax21", "upgrade_disk": False}),
    ("servers reboot", {}),
    ("servers reset", {}),
    ("servers enable_backup", {}),
    ("servers disable_backup", {}),
    ("servers detach_from_network", {"network": "@networks"}),
    ("servers attach_to_network", {"network": "@networks", "ip": "10.0.0.9"}),
    ("servers change_alias_ips", {"network": "@networks", "alias_ips": ["10.0.0.77"]}),
    ("servers change_protection", {"delete": True, "rebuild": True}),
    ("servers change_protection", {"delete": False, "rebuild": False}),
    ("servers remove_from_placement_group", {}),
    ("servers poweroff", {}),
    ("servers add_to_placement_group", {"placement_group": "@placement_groups"}),
    ("servers poweron", {}),
    ("volumes detach", {}),
    ("volumes resize", {"size": 60}),
    ("volumes attach", {"server": "@servers"}),
    ("volumes change_protection", {"delete": True}),
    ("networks add_route", {"destination": "0.0.0.0/0", "gateway": "10.0.0.2"}),
    ("networks delete_route", {"destination": "0.0.0.0/0", "gateway": "10.0.0.2"}),
    ("networks add_subnet", {"type": "cloud", "network_zone": "eu-central"}),
    ("networks delete_subnet", {"ip_range": "10.0.1.0/24"}),
    ("networks change_ip_range", {"ip_range": "10.0.0.0/15"}),
    ("networks change_protection", {"delete": True}),
    ("load_balancers remove_target", {"type": "server", "server": {"id": "@servers"}}),
    ("load_balancers add_target", {"type": "server", "server": {"id": "@servers"}, "use_private_ip": True}),
    ("load_balancers update_service", {"listen_port": 80, "destination_port": 8080}),
    ("load_balancers delete_service", {"listen_port": 80}),
    ("load_balancers add_service", {"protocol": "tcp", "listen_port": 5, "destination_port": 6}),
    ("load_balancers disable_public_interface", {}),
    ("load_balancers enable_public_interface", {}),
    ("load_balancers change_algorithm", {"type": "least_connections"}),
    ("load_balancers change_type", {"load_balancer_type": "lb21"}),
    ("load_balancers change_protection", {"delete": True}),
    ("load_balancers detach_from_network", {"network": "@networks"}),
    ("load_balancers attach_to_network", {"network": "@networks"}),
    ("primary_ips change_protection", {"delete": True}),
    ("servers poweroff", {}),
    ("primary_ips unassign", {}),
    ("primary_ips assign", {"assignee_id": "@servers", "assignee_type": "server"}),
]
