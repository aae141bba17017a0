"""A simulated Hetzner, the real provider, and the provision phase between them."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from kvx import drivers
from kvx.machines.fleet import Account, Fleet, Place, Pool
from kvx.secret import Secret
from kvx.steps.machines import (
    AdoptMachines,
    ApplyMachines,
    Backend,
    DestroyMachines,
    HandOver,
    Limits,
    MachineStep,
    PlaceMachines,
    WriteWorkspace,
)
from kvx.world import Outcome, real_world

ROOT = Path(__file__).parents[2]
PROGRAM = Path(__file__).with_name("deploy_or_clean_up.py")
BUILD = ROOT / "tests" / "components" / "hcloud-provider" / "build"
TOKEN = "canary7token".ljust(64, "x")
SPEED = "100"


def until(condition: Callable[[], Any], seconds: float = 100) -> Any:
    """The first true value of the condition; fails when there is none in time."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)
    return value


class Simulation:
    """A Hetzner that runs on this machine; what is made stays in one file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.address = ""

    def start(self) -> None:
        state = str(self.folder / "hetzner.sqlite")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "kvx_rehearsal", "--state", state, "--speed", SPEED],
            stdout=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
        )
        assert self._process.stdout is not None
        self.address = json.loads(self._process.stdout.readline())["address"]

    def stop(self) -> None:
        self._process.kill()
        self._process.communicate()

    def scenario(self, **content: Any) -> None:
        self._ask("scenario", json.dumps(content).encode())

    def requests(self) -> list[dict[str, Any]]:
        return list(self._ask("requests")["requests"])

    def resources(self, kind: str | None = None) -> list[dict[str, Any]]:
        found = self._ask("resources")["resources"]
        return [each for each in found if kind in (None, each["kind"])]

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """A call of the API, as anybody with the token may make it."""
        request = urllib.request.Request(
            f"{self.address}{path}",
            data=json.dumps(body).encode() if body is not None else None,
            method=method,
            headers={"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or b"null")

    def _ask(self, what: str, body: bytes | None = None) -> Any:
        url = f"{self.address.removesuffix('/v1')}/_rehearsal/{what}"
        with urllib.request.urlopen(urllib.request.Request(url, data=body), timeout=60) as answer:
            return json.loads(answer.read() or b"null")


def fleet(workers: int = 2, **more: Any) -> Fleet:
    """One control plane, and workers that may also go to hel1."""
    places = (Place("cax21", "nbg1"), Place("cax21", "hel1"))
    pools = (Pool("control-plane", 1, (Place("cax11", "nbg1"),)), Pool("workers", workers, places))
    return Fleet("kvx", more.pop("pools", pools), allowed_addresses=("203.0.113.7/32",), **more)


@dataclass
class Cluster:
    """A cluster in a folder of its own, brought about step by step through the drivers."""

    folder: Path
    simulation: Simulation
    fleet: Fleet = field(default_factory=fleet)
    said: list[str] = field(default_factory=list)
    apply_seconds: float = 2400
    backend: Backend = field(default_factory=Backend)
    account: Account = field(init=False)

    def __post_init__(self) -> None:
        self.account = Account(Secret(TOKEN), self.simulation.address)
        self.world = real_world(self.said.append)

    @property
    def workspace(self) -> Path:
        return self.folder / "terraform"

    @property
    def state_file(self) -> Path:
        return self.workspace / "terraform.tfstate"

    def steps(self) -> tuple[MachineStep, ...]:
        folder, account, wanted, backend = self.folder, self.account, self.fleet, self.backend
        return (
            PlaceMachines(folder, account, wanted, Limits()),
            WriteWorkspace(folder, ROOT / "terraform", account, wanted, backend),
            AdoptMachines(folder, account, wanted, backend),
            ApplyMachines(folder, account, wanted, Limits(), backend, self.apply_seconds),
            HandOver(folder, account, backend),
        )

    def deploy(self) -> list[str]:
        """Perform what is not done; the kinds of those steps."""
        performed = []
        for step in self.steps():
            if not drivers.is_done(step, self.world):
                drivers.perform(step, self.world)
                performed.append(type(step).__name__)
        return performed

    def clean_up(self) -> Outcome:
        step = DestroyMachines(
            self.folder, ROOT / "terraform", self.account, self.fleet, self.backend, deadline_seconds=240
        )
        assert not drivers.is_done(step, self.world)
        outcome = drivers.perform(step, self.world)
        assert drivers.is_done(step, self.world)
        return outcome

    def wants(self, **changes: Any) -> None:
        self.fleet = replace(self.fleet, **changes)

    def state(self) -> dict[str, Any]:
        return json.loads(self.state_file.read_text())

    def is_whole(self) -> None:
        """What is wanted, what Hetzner has, what the state says and what was handed over are the same."""
        check_whole(self.folder, self.simulation, {node.key for node in self.fleet.nodes})


def check_whole(folder: Path, simulation: Simulation, wanted: set[str]) -> None:
    servers = {each["labels"]["kvx/node"]: each for each in simulation.resources("server")}
    assert servers.keys() == wanted
    assert len(simulation.resources("server")) == len(wanted), "a server is there twice"
    assert {each["status"] for each in servers.values()} <= {"running"}
    ids = {key: str(each["id"]) for key, each in servers.items()}
    handed_over = json.loads((folder / "provision.json").read_text())["nodes"]
    assert {key: str(node["id"]) for key, node in handed_over.items()} == ids
    assert in_state(folder, "hcloud_server") == ids
    assert all(f"kvx-{key}:" in (folder / "inventory.yaml").read_text().replace('"', "") for key in wanted)
    for kind, resource in (("primary_ip", "hcloud_primary_ip"), ("volume", "hcloud_volume")):
        known = {str(each["id"]) for each in simulation.resources(kind)}
        assert known == set(in_state(folder, resource).values()), f"orphans of kind {kind}"
    for kind in ("network", "firewall", "ssh_key"):
        assert len(simulation.resources(kind)) == 1, kind
    groups = {str(each["id"]) for each in simulation.resources("placement_group")}
    assert groups == set(in_state(folder, "hcloud_placement_group").values())


def in_state(folder: Path, kind: str) -> dict[str, str]:
    """Key to id of every resource of a kind in the state."""
    state = json.loads((folder / "terraform" / "terraform.tfstate").read_text())
    return {
        str(instance.get("index_key")): str(instance["attributes"]["id"])
        for resource in state["resources"]
        if resource["mode"] == "managed" and resource["type"] == kind
        for instance in resource["instances"]
    }


@pytest.fixture(scope="session")
def _provider() -> Path:
    where = subprocess.run([BUILD, "--where"], check=True, capture_output=True, text=True).stdout.strip()
    return Path(where) / "terraform.rc"


@pytest.fixture(autouse=True)
def _terraform_configuration(_provider: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", str(_provider))


@pytest.fixture
def simulation(tmp_path: Path) -> Iterator[Simulation]:
    here = Simulation(tmp_path)
    here.start()
    yield here
    here.stop()


@pytest.fixture
def cluster(tmp_path: Path, simulation: Simulation) -> Iterator[Cluster]:
    yield Cluster(tmp_path / "hetzner", simulation)
    end_everything_in(tmp_path)


@pytest.fixture(scope="session")
def make_cluster() -> Callable[..., Iterator[Cluster]]:
    """For a cluster that several tests share."""

    def made(folder: Path, **wanted: Any) -> Iterator[Cluster]:
        here = Simulation(folder)
        here.start()
        try:
            yield Cluster(folder / "hetzner", here, fleet(**wanted))
        finally:
            here.stop()
            end_everything_in(folder)

    return made


class Program:
    """The provision phase as a program, in a folder of its own."""

    def __init__(self, folder: Path, simulation: Simulation, workers: int = 2) -> None:
        self.folder, self.simulation, self.workers = folder, simulation, workers
        self.hetzner = folder / ".kvx" / "hetzner"

    def start(self, verb: str) -> subprocess.Popen[str]:
        environment = {"HCLOUD_TOKEN": TOKEN, "HCLOUD_ENDPOINT": self.simulation.address}
        return subprocess.Popen(
            [sys.executable, str(PROGRAM), verb, str(self.folder), str(self.workers)],
            env=os.environ | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, verb: str, seconds: float = 240) -> tuple[int, str]:
        with self.start(verb) as process:
            try:
                said, _ = process.communicate(timeout=seconds)
            finally:
                process.kill()
        return process.returncode, said

    def is_whole(self) -> None:
        wanted = {"control-plane-1", *(f"workers-{number}" for number in range(1, self.workers + 1))}
        check_whole(self.hetzner, self.simulation, wanted)


@pytest.fixture
def program(tmp_path: Path, simulation: Simulation) -> Iterator[Program]:
    yield Program(tmp_path, simulation)
    end_everything_in(tmp_path)


def processes_in(folder: Path) -> list[psutil.Process]:
    """Every terraform and provider that works somewhere in the folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.cwd().startswith(str(folder)) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def end_everything_in(folder: Path) -> None:
    for process in processes_in(folder):
        process.send_signal(signal.SIGKILL)
