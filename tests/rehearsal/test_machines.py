"""Machines behind the servers: what the simulation asks of the program, and what it says of it."""

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

TOKEN = "m" * 64
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIC6WCmcYJ2wJgWGSB9GMEJOZLIy8ml8qXDMTjjtBLIwV test"
# Notes what it is asked, does it when `slow` is gone, and refuses who is called "refused".
PROGRAM = """#!{python}
import json, pathlib, sys, time
folder, verb = pathlib.Path(__file__).parent, sys.argv[3]
standing = folder / "standing"
standing.mkdir(exist_ok=True)
if verb == "about":
    network = {{"public_network": "198.18.7.0/24", "gateway": "198.18.7.254"}}
    print(json.dumps({{"architectures": ["amd64"], **network}}))
elif verb == "list":
    print(json.dumps({{"machines": [{{"id": int(path.name)}} for path in standing.iterdir()]}}))
else:
    asked = json.load(sys.stdin)
    while (folder / "slow").exists():
        time.sleep(0.02)
    if asked.get("name") == "refused":
        print(json.dumps({{"error": "the disk is full"}}))
        sys.exit(1)
    with (folder / "asked").open("a") as file:
        file.write(json.dumps([verb, asked]) + "\\n")
    if verb == "put":
        (standing / str(asked["id"])).touch()
    else:
        (standing / str(asked["id"])).unlink()
    print("{{}}")
"""


@dataclass(slots=True)
class Simulated:
    """A simulation with that program."""

    folder: Path
    process: "subprocess.Popen[bytes] | None" = None
    address: str = ""

    def start(self) -> None:
        program = self.folder / "program"
        if not program.exists():  # it may still run for a simulation that was killed
            program.write_text(PROGRAM.format(python=sys.executable))
            program.chmod(0o755)
        state = ["--state", str(self.folder / "state.sqlite"), "--machines", str(program), "--speed", "50"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "kvx_rehearsal", *state], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL
        )
        assert self.process.stdout is not None
        self.address = json.loads(self.process.stdout.readline())["address"]

    def end(self, *, by_force: bool = False) -> None:
        assert self.process is not None
        (self.process.kill if by_force else self.process.terminate)()
        self.process.communicate(timeout=60)

    def call(self, method: str, path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {TOKEN}"}
        request = urllib.request.Request(f"{self.address}{path}", data, headers, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or b"null")

    def server(self, name: str, **more: object) -> Any:
        order = {"name": name, "server_type": "cax11", "image": "debian-12", "location": "nbg1"}
        return self.call("POST", "/servers", order | more)

    def action(self, answer: Any) -> Any:
        return self.call("GET", f"/actions?id={answer['action']['id']}")["actions"][0]

    def asked(self) -> list[Any]:
        path = self.folder / "asked"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture
def simulated(tmp_path: Path) -> Iterator[Simulated]:
    here = Simulated(tmp_path)
    here.start()
    yield here
    (tmp_path / "slow").unlink(missing_ok=True)
    here.end()


def until(condition: Callable[[], Any], seconds: float = 100) -> Any:
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)
    return value


def ended(simulated: Simulated, answer: Any) -> Any:
    """The action once it runs no longer."""
    return until(lambda: (found := simulated.action(answer))["status"] != "running" and found)


def test_a_server_is_made_with_all_that_its_machine_needs(simulated: Simulated) -> None:
    network = simulated.call("POST", "/networks", {"name": "inner", "ip_range": "10.0.0.0/16"})["network"]
    subnet = {"type": "cloud", "ip_range": "10.0.0.0/20", "network_zone": "eu-central"}
    ended(simulated, simulated.call("POST", f"/networks/{network['id']}/actions/add_subnet", subnet))
    simulated.call("POST", "/ssh_keys", {"name": "mine", "public_key": KEY})
    made = simulated.server(
        "first", user_data="#cloud-config\n{}", ssh_keys=["mine"], networks=[network["id"]]
    )
    assert ended(simulated, made)["status"] == "success"
    verb, machine = simulated.asked()[-1]
    attached = {"id": network["id"], "ip": "10.0.0.2", "alias_ips": [], "ip_range": "10.0.0.0/16"}
    assert (verb, machine) == (
        "put",
        {
            "id": made["server"]["id"],
            "name": "first",
            "architecture": "x86",
            "image": "debian-12",
            "on": True,
            "restarts": 0,
            "made_anew": 0,
            "public_ip": "198.18.7.1",
            "networks": [attached | {"router": "10.0.0.1", "routes": []}],
            "ssh_keys": [KEY],
            "user_data": "#cloud-config\n{}",
        },
    )


def test_an_action_runs_until_the_machine_is_as_it_should_be(simulated: Simulated, tmp_path: Path) -> None:
    (tmp_path / "slow").touch()
    made = simulated.server("first")
    time.sleep(0.5)  # ten times what the action itself takes
    assert simulated.action(made)["status"] == "running"
    assert simulated.call("GET", f"/servers/{made['server']['id']}")["server"]["status"] == "initializing"
    (tmp_path / "slow").unlink()
    assert ended(simulated, made)["status"] == "success"


def test_a_machine_that_cannot_be_made_fails_the_action_in_the_words_of_the_program(
    simulated: Simulated,
) -> None:
    failed = ended(simulated, simulated.server("refused"))
    assert (failed["status"], failed["error"]["message"]) == ("error", "the disk is full")
    assert ended(simulated, simulated.server("second"))["status"] == "success"


def test_power_reaches_the_machine_and_a_deleted_one_goes(simulated: Simulated) -> None:
    made = simulated.server("first")
    ended(simulated, made)
    number = made["server"]["id"]
    for command, expected in (("shutdown", (False, 0)), ("poweron", (True, 0)), ("reboot", (True, 1))):
        until(lambda: not simulated.call("GET", f"/servers/{number}")["server"]["locked"])
        ended(simulated, simulated.call("POST", f"/servers/{number}/actions/{command}"))
        machine = simulated.asked()[-1][1]
        assert (machine["on"], machine["restarts"]) == expected
    until(lambda: not simulated.call("GET", f"/servers/{number}")["server"]["locked"])
    assert ended(simulated, simulated.call("DELETE", f"/servers/{number}"))["status"] == "success"
    assert simulated.asked()[-1] == ["delete", {"id": number}]


def test_after_a_kill_what_is_missing_is_made_and_what_nobody_ordered_is_taken_away(
    simulated: Simulated, tmp_path: Path
) -> None:
    (tmp_path / "slow").touch()
    made = simulated.server("first")
    simulated.end(by_force=True)
    (tmp_path / "slow").unlink()
    (tmp_path / "standing" / "999").touch()
    simulated.start()
    assert ended(simulated, made)["status"] == "success"
    until(lambda: [path.name for path in (tmp_path / "standing").iterdir()] == [str(made["server"]["id"])])


def test_every_type_has_the_architecture_of_the_machines(simulated: Simulated) -> None:
    kinds = {
        each["name"]: each["architecture"] for each in simulated.call("GET", "/server_types")["server_types"]
    }
    assert kinds["cax11"] == "x86"
    assert set(kinds.values()) == {"x86"}


def test_the_caller_has_the_address_that_the_machines_see(simulated: Simulated) -> None:
    origin = simulated.address.removesuffix("/v1")
    with urllib.request.urlopen(f"{origin}/_rehearsal/address", timeout=60) as answer:
        assert answer.read() == b"198.18.7.254\n"
