"""What Hetzner says of servers, rule by rule."""

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import Project

SERVER = {"name": "a", "server_type": "cax11", "image": "debian-12", "location": "nbg1"}
PRIVATE = {"public_net": {"enable_ipv4": False, "enable_ipv6": False}, "start_after_create": False}


def status(project: "Project", number: int) -> str:
    return str(project.done("GET", f"/servers/{number}")["server"]["status"])


def test_a_server_is_initializing_then_starting_then_running(project: "Project") -> None:
    made = project.done("POST", "/servers", SERVER)
    number = made["server"]["id"]
    assert [made["action"]["command"], *(each["command"] for each in made["next_actions"])] == [
        "create_server",
        "start_server",
    ]
    assert (made["server"]["status"], made["server"]["locked"]) == ("initializing", True)
    project.later(1.1)
    assert status(project, number) == "starting"
    assert project.done("GET", f"/actions/{made['action']['id']}")["action"]["status"] == "success"
    project.later(0.5)
    assert status(project, number) == "running"
    assert project.done("GET", f"/servers/{number}")["server"]["locked"] is False


def test_an_action_makes_progress(project: "Project") -> None:
    number = project.done("POST", "/servers", SERVER)["action"]["id"]
    project.later(0.5)
    action = project.done("GET", f"/actions/{number}")["action"]
    assert (action["status"], action["progress"], action["finished"]) == ("running", 50, None)
    project.later(0.5)
    action = project.done("GET", f"/actions/{number}")["action"]
    assert (action["status"], action["progress"]) == ("success", 100)
    assert action["finished"] is not None


def test_a_server_that_shall_not_start_is_off(project: "Project") -> None:
    made = project.done("POST", "/servers", {**SERVER, "start_after_create": False})
    assert made["next_actions"] == []
    project.later()
    assert status(project, made["server"]["id"]) == "off"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "under_score"}, "name"),
        ({"name": "-a"}, "name"),
        ({"server_type": "cax99"}, "server_type"),
        ({"location": "moon1"}, "location"),
        ({"user_data": "x" * (32 * 1024 + 1)}, "user_data"),
        ({"user_data": "ä" * (16 * 1024 + 1)}, "user_data"),
        ({"labels": {"a": "b c"}}, "labels"),
        ({"image": 114690387}, "image"),
        ({"public_net": {"enable_ipv4": False, "enable_ipv6": False}}, "public_net"),
    ],
)
def test_what_a_server_cannot_be_is_refused(project: "Project", change: dict[str, Any], field: str) -> None:
    sent = project.send("POST", "/servers", {**SERVER, **change})
    assert sent.status == 422
    assert sent.body is not None
    assert sent.body["error"]["details"]["fields"][0]["name"] == field
    assert project.done("GET", "/servers")["servers"] == []
    assert project.done("GET", "/primary_ips")["primary_ips"] == []


def test_user_data_of_32_kib_is_enough(project: "Project") -> None:
    project.done("POST", "/servers", {**SERVER, "user_data": "ä" * (16 * 1024)})


def test_an_image_name_means_the_architecture_of_the_type(project: "Project") -> None:
    assert project.server(server_type="cax11")["image"]["architecture"] == "arm"
    assert project.server(server_type="cpx22")["image"]["architecture"] == "x86"


def test_a_name_is_unique(project: "Project") -> None:
    project.server(name="a")
    sent = project.send("POST", "/servers", SERVER)
    assert sent.status == 409
    assert sent.body is not None
    error = sent.body["error"]
    assert (error["code"], error["message"]) == ("uniqueness_error", "server name is already used")
    assert error["details"]["fields"][0]["name"] == "name"
    other = project.server(name="b")
    assert project.code("PUT", f"/servers/{other['id']}", {"name": "a"}) == "uniqueness_error"


def test_a_locked_server_takes_no_other_action(project: "Project") -> None:
    number = project.done("POST", "/servers", SERVER)["server"]["id"]
    assert project.code("POST", f"/servers/{number}/actions/poweroff") == "locked"
    project.later()
    assert project.done("POST", f"/servers/{number}/actions/poweroff")["action"]["command"] == "stop_server"
    assert project.code("POST", f"/servers/{number}/actions/poweron") == "locked"


def test_a_type_changes_only_within_its_architecture_and_never_to_a_smaller_disk(project: "Project") -> None:
    server = project.server(server_type="cax21")
    change = f"/servers/{server['id']}/actions/change_type"
    assert project.code("POST", change, {"server_type": "cax31"}) == "server_not_stopped"
    project.off(server)
    for unfit in ("cpx22", "cax11", "cax21"):
        assert project.code("POST", change, {"server_type": unfit}) == "invalid_server_type"
    project.done("POST", change, {"server_type": "cax31", "upgrade_disk": True})
    assert status(project, server["id"]) == "migrating"
    project.later()
    changed = project.done("GET", f"/servers/{server['id']}")["server"]
    grown = (changed["server_type"]["name"], changed["primary_disk_size"], changed["status"])
    assert grown == ("cax31", 160, "running")


def test_a_kept_disk_lets_a_type_go_back(project: "Project") -> None:
    server = project.server(server_type="cax11")
    for name in ("cax21", "cax11"):
        project.off(server)
        body = {"server_type": name, "upgrade_disk": False}
        project.done("POST", f"/servers/{server['id']}/actions/change_type", body)
        project.later()
    assert project.done("GET", f"/servers/{server['id']}")["server"]["primary_disk_size"] == 40


def test_the_eleventh_server_of_a_placement_group_is_a_service_error(project: "Project") -> None:
    group = project.make("placement_groups", type="spread")["id"]
    for _ in range(10):
        project.server(placement_group=group)
    sent = project.send("POST", "/servers", {**SERVER, "placement_group": group})
    assert sent.body is not None
    error = sent.body["error"]
    message = f"placement group {group} contains already 10 servers"
    assert (error["code"], error["message"]) == ("service_error", message)


def test_a_primary_ip_is_used_and_kept(project: "Project") -> None:
    ip = project.make("primary_ips", type="ipv4", location="nbg1")
    named = {"public_net": {"enable_ipv4": True, "enable_ipv6": False, "ipv4": ip["id"]}}
    server = project.server(**named)
    assert server["public_net"]["ipv4"]["ip"] == ip["ip"]
    assert server["public_net"]["ipv6"] is None
    assert project.code("POST", "/servers", {**SERVER, **named}) == "primary_ip_assigned"
    project.done("DELETE", f"/servers/{server['id']}")
    left = project.done("GET", "/primary_ips")["primary_ips"]
    assert [(each["id"], each["assignee_type"]) for each in left] == [(ip["id"], "unassigned")]


def test_a_primary_ip_must_fit(project: "Project") -> None:
    far = project.make("primary_ips", type="ipv4", location="hel1")["id"]
    six = project.make("primary_ips", type="ipv6", location="nbg1")["id"]
    codes = {
        far: "primary_ip_datacenter_mismatch",
        six: "primary_ip_version_mismatch",
    }
    for number, code in codes.items():
        body = {**SERVER, "public_net": {"enable_ipv4": True, "enable_ipv6": False, "ipv4": number}}
        assert project.code("POST", "/servers", body) == code


def test_addresses_that_came_with_a_server_go_with_it(project: "Project") -> None:
    server = project.server()
    assert len(project.done("GET", "/primary_ips")["primary_ips"]) == 2
    project.done("DELETE", f"/servers/{server['id']}")
    assert project.done("GET", "/primary_ips")["primary_ips"] == []


def test_a_private_server_is_started_after_it_has_a_network(project: "Project") -> None:
    server = project.server(**PRIVATE)
    power_on = f"/servers/{server['id']}/actions/poweron"
    assert project.code("POST", power_on) == "service_error"
    network = project.network()["id"]
    project.done("POST", f"/servers/{server['id']}/actions/attach_to_network", {"network": network})
    project.later()
    project.done("POST", power_on)
    project.later()
    assert status(project, server["id"]) == "running"


def test_protection_covers_deletion_and_rebuilding_alike(project: "Project") -> None:
    server = project.server()
    change = f"/servers/{server['id']}/actions/change_protection"
    assert project.code("POST", change, {"delete": True}) == "invalid_input"
    project.done("POST", change, {"delete": True, "rebuild": True})
    assert project.code("DELETE", f"/servers/{server['id']}") == "protected"
    rebuild = f"/servers/{server['id']}/actions/rebuild"
    assert project.code("POST", rebuild, {"image": "debian-12"}) == "protected"


def test_a_quota_is_told_by_words_and_details(project: "Project") -> None:
    project.answering.use('{"limits": {"servers": 1, "primary_ips": 3}}')
    project.server()
    sent = project.send("POST", "/servers", SERVER)
    assert sent.body is not None
    error = sent.body["error"]
    told = (error["code"], error["message"], error["details"])
    limits = {"limits": [{"name": "servers"}]}
    assert told == ("resource_limit_exceeded", "server limit exceeded", limits)
    project.make("primary_ips", type="ipv4", location="nbg1")
    another = {"name": "z", "type": "ipv4", "location": "nbg1"}
    sent = project.send("POST", "/primary_ips", another)
    assert sent.body is not None
    assert sent.body["error"]["message"] == "Primary IP limit exceeded"


def test_the_actions_of_a_server_are_listed(project: "Project") -> None:
    server, other = project.server(), project.server()
    mine = project.done("GET", f"/servers/{server['id']}/actions?sort=id:desc")["actions"]
    assert [action["command"] for action in mine] == ["start_server", "create_server"]
    both = project.done("GET", "/servers/actions")["actions"]
    assert {action["resources"][0]["id"] for action in both} == {server["id"], other["id"]}
    ids = "&".join(f"id={action['id']}" for action in both)
    assert len(project.done("GET", f"/actions?{ids}")["actions"]) == 4
