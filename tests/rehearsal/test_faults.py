"""Every kind of fault strikes as the scenario says, so often and no more."""

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from kvx_rehearsal.scenario import ScenarioError, read

if TYPE_CHECKING:
    from conftest import Program, Project

BODY = {"name": "a", "server_type": "cax21", "image": "debian-12", "location": "nbg1"}
ORDER = {"method": "POST", "path": "/servers"}


def use(project: "Project", *faults: dict[str, Any], **more: Any) -> None:
    project.answering.use(json.dumps({"faults": list(faults), **more}))


@pytest.mark.parametrize(
    "message",
    [
        "error during placement",
        "server location disabled",
        "we are unable to provision servers for this location",
    ],
)
def test_stock_is_gone_for_one_type_in_one_place(project: "Project", message: str) -> None:
    body = {"server_type": "cax21", "location": "nbg1"}
    use(project, {"kind": "stock_gone", **ORDER, "body": body, "times": "always", "message": message})
    for _ in range(3):
        sent = project.send("POST", "/servers", BODY)
        assert sent.status == 412
        assert sent.body == {"error": {"code": "resource_unavailable", "message": message, "details": None}}
    project.done("POST", "/servers", {**BODY, "location": "hel1"})
    project.done("POST", "/servers", {**BODY, "name": "b", "server_type": "cax11"})


def test_a_type_off_the_shelf_is_so_in_the_list_and_when_ordered(project: "Project") -> None:
    use(project, unavailable=[{"server_type": "cax21", "location": "nbg1"}])
    locations = project.done("GET", "/server_types?name=cax21")["server_types"][0]["locations"]
    available = {place["name"]: place["available"] for place in locations}
    assert available == {"fsn1": True, "nbg1": False, "hel1": True}
    assert project.code("POST", "/servers", BODY) == "resource_unavailable"
    anywhere = {key: value for key, value in BODY.items() if key != "location"}
    assert project.done("POST", "/servers", anywhere)["server"]["location"]["name"] == "fsn1"


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("placement_error", 412),
        ("rate_limit_exceeded", 429),
        ("locked", 423),
        ("conflict", 409),
        ("server_error", 500),
        ("bad_gateway", 502),
        ("unavailable", 503),
        ("timeout", 504),
        ("resource_limit_exceeded", 403),
    ],
)
def test_any_error_comes_so_many_times(project: "Project", code: str, status: int) -> None:
    use(project, {"kind": "refuse", **ORDER, "code": code, "times": 2})
    sent = [project.send("POST", "/servers", BODY) for _ in range(3)]
    assert [each.status for each in sent] == [status, status, 201]
    assert sent[0].body is not None
    assert sent[0].body["error"]["code"] == code
    assert len(project.done("GET", "/servers")["servers"]) == 1


def test_a_fault_may_let_some_calls_pass_first(project: "Project") -> None:
    use(project, {"kind": "refuse", "path": "/servers/*", "after": 2, "times": 1})
    assert [project.send("GET", "/servers/1").status for _ in range(4)] == [404, 404, 500, 404]
    assert project.send("GET", "/servers").status == 200


def test_a_field_deep_inside_a_body_is_matched(project: "Project") -> None:
    use(project, {"kind": "refuse", "body": {"public_net.enable_ipv4": False}, "times": "always"})
    assert project.send("POST", "/servers", BODY).status == 201
    body = {**BODY, "name": "b", "public_net": {"enable_ipv4": False, "enable_ipv6": True}}
    assert project.send("POST", "/servers", body).status == 500


def test_a_creation_that_fails_leaves_a_half_made_server(project: "Project") -> None:
    use(project, {"kind": "action_fails", **ORDER, "code": "unknown_error", "message": "broken"})
    made = project.done("POST", "/servers", BODY)
    assert made["action"]["status"] == "running"
    project.later()
    action = project.done("GET", f"/actions/{made['action']['id']}")["action"]
    assert (action["status"], action["error"]) == ("error", {"code": "unknown_error", "message": "broken"})
    server = project.done("GET", f"/servers/{made['server']['id']}")["server"]
    assert (server["status"], server["locked"]) == ("initializing", False)


def test_a_change_that_fails_changes_nothing(project: "Project") -> None:
    server, network = project.server(), project.network()["id"]
    use(project, {"kind": "action_fails", "path": "/servers/*/actions/attach_to_network"})
    attach = f"/servers/{server['id']}/actions/attach_to_network"
    failed = project.done("POST", attach, {"network": network})["action"]["id"]
    project.later()
    assert project.done("GET", f"/actions/{failed}")["action"]["status"] == "error"
    assert project.done("GET", f"/servers/{server['id']}")["server"]["private_net"] == []
    again = project.done("POST", attach, {"network": network})["action"]["id"]
    assert again > failed
    project.later()
    assert project.done("GET", f"/actions/{again}")["action"]["status"] == "success"


def test_an_action_may_never_end(project: "Project") -> None:
    server = project.server()
    use(project, {"kind": "action_never_ends", "path": "/servers/*/actions/poweroff"})
    action = project.done("POST", f"/servers/{server['id']}/actions/poweroff")["action"]
    project.later(1_000_000)
    assert project.done("GET", f"/actions/{action['id']}")["action"]["status"] == "running"
    assert project.done("GET", f"/servers/{server['id']}")["server"]["locked"] is True


def test_durations_are_as_the_scenario_says(project: "Project") -> None:
    use(project, durations={"create_server": 12.0})
    number = project.done("POST", "/servers", BODY)["action"]["id"]
    project.later(11)
    assert project.done("GET", f"/actions/{number}")["action"]["status"] == "running"
    project.later(1)
    assert project.done("GET", f"/actions/{number}")["action"]["status"] == "success"


def test_every_token_may_be_made_readonly(project: "Project") -> None:
    use(project, token_is_readonly=True)
    assert project.code("POST", "/servers", BODY) == "token_readonly"


@pytest.mark.parametrize(("kind", "servers"), [("cut_after_write", 1), ("cut_before_write", 0)])
def test_a_cut_connection_hides_what_was_done(program: "Program", kind: str, servers: int) -> None:
    program.use({"faults": [{"kind": kind, **ORDER}]})
    with program.http() as http:
        with pytest.raises(httpx.RemoteProtocolError, match="disconnected without sending a response"):
            http.post("/servers", json=BODY)
        assert len(http.get("/servers").json()["servers"]) == servers
        assert http.post("/servers", json={**BODY, "name": "b"}).status_code == 201
    cut = [request for request in program.requests() if request["faults"]]
    assert [(request["faults"], request["path"]) for request in cut] == [([kind], "/servers")]


def test_a_slow_answer_holds_up_nobody_else(program: "Program") -> None:
    program.use({"faults": [{"kind": "slow", "path": "/servers", "seconds": 120}]})
    with program.http() as http:
        began = time.monotonic()
        with pytest.raises(httpx.ReadTimeout):
            http.get("/servers", timeout=httpx.Timeout(60, read=2))
        assert http.get("/servers").status_code == 200
        assert time.monotonic() - began < 60


def test_a_fault_is_counted_through_a_kill(program: "Program") -> None:
    program.use({"faults": [{"kind": "refuse", "path": "/servers", "times": 2}]})
    with program.http() as http:
        assert http.get("/servers").status_code == 500
    program.kill()
    program.start()
    with program.http() as http:
        assert [http.get("/servers").status_code for _ in range(2)] == [500, 200]


def test_a_scenario_is_json_or_toml(tmp_path: Path) -> None:
    toml = '[durations]\ncreate_server = 2.0\n[[faults]]\nkind = "slow"\nseconds = 1.0\ntimes = "always"\n'
    scenario = read(toml)
    same = {
        "durations": {"create_server": 2.0},
        "faults": [{"kind": "slow", "seconds": 1.0, "times": "always"}],
    }
    assert scenario == read(json.dumps(same))
    assert scenario.faults[0].times is None


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "a = ",
        '{"fault": []}',
        '{"faults": [{"kind": "earthquake"}]}',
        '{"faults": [{"kind": "slow", "second": 1}]}',
        '{"faults": [{"kind": "slow", "times": "often"}]}',
        '{"unavailable": [{"server_type": "cax11"}]}',
        '{"limits": {"servers": "many"}}',
    ],
)
def test_a_scenario_that_cannot_be_read_says_so(text: str) -> None:
    with pytest.raises(ScenarioError):
        read(text)


def test_a_bad_scenario_leaves_the_old_one_in_force(program: "Program") -> None:
    program.use({"token_is_readonly": True})
    with program.http() as http:
        assert http.post(program.beside("scenario"), content="{").status_code == 422
        assert http.post("/servers", json=BODY).status_code == 403
