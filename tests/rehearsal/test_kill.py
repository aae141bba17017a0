"""kill -9 at any moment leaves whole resources, and no answer that is not kept."""

import json
import random
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from conftest import Program

WRITES, KILLS, WRITERS = 100, 10, 4


def order(number: int) -> dict[str, Any]:
    """A server with two addresses of its own: three resources and two actions in one write."""
    return {
        "name": f"s{number}",
        "server_type": "cax11",
        "image": "debian-12",
        "location": "nbg1",
        "labels": {"number": str(number)},
    }


def test_nothing_is_half_written_by_a_kill_amid_a_hundred_writes(program: "Program") -> None:
    chance = random.Random(5)
    answered: set[str] = set()
    for burst in range(KILLS):
        numbers = range(burst * WRITES // KILLS, (burst + 1) * WRITES // KILLS)
        answered |= written_until_killed(program, numbers, chance)
        program.start()
    assert_everything_is_whole(program, answered)


def written_until_killed(program: "Program", numbers: range, chance: random.Random) -> set[str]:
    """Names of the servers whose creation was answered; others were under way when the program was killed."""
    with program.http() as http, ThreadPoolExecutor(WRITERS) as writers:
        orders = [writers.submit(written, http, number) for number in numbers]
        list(islice(as_completed(orders), chance.randint(1, len(numbers) // 2)))
        time.sleep(chance.uniform(0, 0.02))  # a write takes some 5 ms: any part of it is struck
        program.kill()
        return {name for each in orders if (name := each.result()) is not None}


def written(http: httpx.Client, number: int) -> str | None:
    try:
        made = http.post("/servers", json=order(number))
    except httpx.TransportError:
        return None
    assert made.status_code == 201
    return str(made.json()["server"]["name"])


def assert_everything_is_whole(program: "Program", answered: set[str]) -> None:
    found = program.resources()["resources"]
    servers = [each for each in found if each["kind"] == "server"]
    addresses = [each for each in found if each["kind"] == "primary_ip"]
    assert 0 < len(answered) < WRITES
    assert answered <= {server["name"] for server in servers}
    assert len(addresses) == 2 * len(servers)
    time.sleep(0.1)
    with program.http() as http:
        for server in servers:
            shown = http.get(f"/servers/{server['id']}").json()["server"]
            assert (shown["status"], shown["locked"]) == ("running", False)
            assert {shown["public_net"][kind]["ip"] is not None for kind in ("ipv4", "ipv6")} == {True}
            commands = http.get(f"/servers/{server['id']}/actions").json()["actions"]
            assert [each["command"] for each in commands] == ["create_server", "start_server"]


def test_actions_end_although_nobody_was_there(program: "Program") -> None:
    with program.http() as http:
        action = http.post("/servers", json=order(1)).json()["action"]
    program.kill()
    time.sleep(0.1)
    program.start()
    with program.http() as http:
        assert http.get(f"/actions/{action['id']}").json()["action"]["status"] == "success"


def test_the_log_of_calls_outlives_a_kill(program: "Program") -> None:
    with program.http() as http:
        http.get("/servers")
    program.kill()
    program.start()
    assert [request["path"] for request in program.requests()] == ["/servers"]


def test_a_scenario_stays_in_force_through_a_kill(program: "Program") -> None:
    program.use({"token_is_readonly": True})
    program.kill()
    program.start()
    with program.http() as http:
        assert http.get(program.beside("scenario")).json() == {"token_is_readonly": True}
        assert http.post("/servers", json=order(1)).status_code == 403


def test_a_state_file_has_one_simulation(program: "Program") -> None:
    second = [sys.executable, "-m", "kvx_rehearsal", "--state", str(program.state)]
    run = subprocess.run(second, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 1
    assert "does another simulation use it?" in run.stderr
    assert "Traceback" not in run.stderr


def test_a_state_that_is_none_is_refused(tmp_path: Path) -> None:
    state = tmp_path / "letter"
    state.write_text("Dear state,\n" * 100)
    command = [sys.executable, "-m", "kvx_rehearsal", "--state", str(state)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (run.returncode, run.stdout) == (1, "")
    assert state.read_text().startswith("Dear state")


def test_a_scenario_file_that_cannot_be_read_is_a_usage_error(tmp_path: Path) -> None:
    scenario = tmp_path / "scenario.json"
    scenario.write_text(json.dumps({"faults": [{"kind": "earthquake"}]}))
    command = [sys.executable, "-m", "kvx_rehearsal", "--state", str(tmp_path / "state")]
    run = subprocess.run(
        [*command, "--scenario", str(scenario)], capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 2
    assert "earthquake" in run.stderr


def test_the_token_is_in_no_file(program: "Program") -> None:
    with program.http() as http:
        http.post("/servers", json=order(1))
    program.stop()
    for path in program.state.parent.iterdir():
        assert b"t" * 64 not in path.read_bytes()
    with sqlite3.connect(program.state) as connection:
        assert connection.execute("SELECT count(*) FROM requests").fetchone() == (1,)
    connection.close()
