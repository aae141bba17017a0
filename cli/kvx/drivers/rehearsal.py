"""The simulated Hetzner as a program on this machine: started, found again, looked at, ended."""

import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from kvx.drivers.files import file_errors, replace_file
from kvx.drivers.machine import port_is_free
from kvx.drivers.waiting import wait_until
from kvx.errors import ExitCode, KvxError
from kvx.supervisor.identity import Process, process
from kvx.world import World

PROGRAM = "kvx_rehearsal"
FOLDER = ".kvx-rehearsal"
# 64 characters, as Hetzner's tokens have; the simulation takes any, and its first word says what it may do.
TOKEN = "rehearsal".ljust(64, "0")

_STATE, _MACHINES = "simulation.sqlite", "simulation.machines"
_START_SECONDS = 120.0
_END_SECONDS = 5.0
_END_SECONDS_WITH_MACHINES = 60.0  # what is being done to one of them is done first
_ANSWER_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Simulation:
    """A simulated Hetzner that serves; `address` is what HCLOUD_ENDPOINT is set to."""

    address: str
    process: Process

    @property
    def origin(self) -> str:
        return self.address.removesuffix("/v1")


def running(folder: Path) -> Simulation | None:
    """The simulation of this folder; None where none is alive."""
    known = _record(folder)
    return known if known is not None and known.process.alive else None


def started(folder: Path, scenario: Path | None, world: World) -> Simulation:
    """The simulation of this folder, started where none is alive; without a scenario nothing goes wrong."""
    if find_spec(PROGRAM) is None:
        message = "the simulated Hetzner is not installed with this kvx"
        raise KvxError(message, "take kvx from its repository: ./deploy.sh rehearse deploy", ExitCode.MISSING)
    with file_errors(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _alone(folder):
            simulation = running(folder) or _start(folder, world)
    _tell(simulation, scenario)
    return simulation


def machines(folder: Path) -> Path | None:
    """The program that puts machines behind the servers of this folder's simulation; None for none."""
    try:
        return Path((folder / _MACHINES).read_text())
    except FileNotFoundError:
        return None


def put_behind(folder: Path, program: Path | None, world: World) -> bool:
    """Machines, or none, behind the servers from now on; False where servers stand that have it otherwise."""
    if machines(folder) == program:
        return True
    known = (folder / _STATE).exists()
    if known and resources(started(folder, None, world)).get("resources"):
        return False
    stop(folder, world)
    if program is None:
        (folder / _MACHINES).unlink()
    else:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(folder / _MACHINES, str(program))
    return True


def stop(folder: Path, world: World) -> bool:
    """End the simulation of this folder; False where none was alive. What it holds stays on the disk."""
    simulation = running(folder)
    if simulation is None:
        return False
    seconds = _END_SECONDS if machines(folder) is None else _END_SECONDS_WITH_MACHINES
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.kill(simulation.process.pid, number)
        if wait_until(lambda: not simulation.process.alive, seconds, world):
            break
    return True


def resources(simulation: Simulation) -> Mapping[str, Any]:
    """All that is alive in the simulation, with its price."""
    return _json(_sent(simulation, "GET", "resources"))


def requests(simulation: Simulation) -> Mapping[str, Any]:
    """The calls that the simulation has answered."""
    return _json(_sent(simulation, "GET", "requests"))


def _start(folder: Path, world: World) -> Simulation:
    """On the port it had before, where that is free: what was told an address keeps it."""
    output, log = folder / "simulation.out", folder / "simulation.log"
    command = [sys.executable, "-m", PROGRAM, "--state", str(folder / _STATE)]
    program = machines(folder)
    command += [] if program is None else ["--machines", str(program)]
    with output.open("wb") as said, log.open("ab") as talk:
        child = subprocess.Popen(
            [*command, "--port", str(_port(folder))],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=talk,
            cwd="/",
            start_new_session=True,
        )
    try:
        wait_until(lambda: _says(output) is not None or child.poll() is not None, _START_SECONDS, world)
    except BaseException:
        child.kill()
        raise
    address, born = _says(output), process(child.pid)
    if address is None or born is None:
        child.kill()
        raise KvxError(f"the simulated Hetzner does not start{_last_line(log)}", f"less {log}")
    simulation = Simulation(address, born)
    replace_file(folder / "simulation.json", json.dumps(asdict(simulation), indent=2) + "\n")
    return simulation


def _says(output: Path) -> str | None:
    """The address, once its line is whole."""
    line, newline, _ = output.read_text().partition("\n")
    return str(json.loads(line)["address"]) if newline else None


def _record(folder: Path) -> Simulation | None:
    try:
        known = json.loads((folder / "simulation.json").read_text())
        return Simulation(known["address"], Process(**known["process"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _port(folder: Path) -> int:
    before = _record(folder)
    port = (urlsplit(before.address).port if before else None) or 0
    return port if port and port_is_free("127.0.0.1", port) else 0


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Two that start it at once get the same one."""
    with (folder / "simulation.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _tell(simulation: Simulation, scenario: Path | None) -> None:
    answer = _sent(simulation, "POST", "scenario", b"" if scenario is None else _content(scenario))
    if answer.is_error:
        said = _json(answer).get("error", {}).get("message", answer.text)
        message = f"the simulated Hetzner does not take the scenario {scenario}: {said}"
        fix = f"{sys.executable} -m pydoc {PROGRAM} shows what a scenario may hold"
        raise KvxError(message, fix, ExitCode.USAGE)


def _content(scenario: Path) -> bytes:
    try:
        return scenario.read_bytes()
    except OSError as error:
        message = f"the scenario {scenario} cannot be read: {error.strerror}"
        raise KvxError(message, f"ls -l {scenario}", ExitCode.USAGE) from None


def _sent(simulation: Simulation, method: str, what: str, content: bytes | None = None) -> httpx.Response:
    try:
        return httpx.request(
            method,
            f"{simulation.origin}/_rehearsal/{what}",
            content=content,
            headers={"Content-Type": "application/json"},
            timeout=_ANSWER_SECONDS,
        )
    except httpx.TransportError as error:
        message = f"the simulated Hetzner does not answer ({type(error).__name__})"
        raise KvxError(message, "kvx rehearse stop, then the same command again") from None


def _json(answer: httpx.Response) -> Mapping[str, Any]:
    try:
        document = answer.json()
    except ValueError:
        document = None
    return document if isinstance(document, dict) else {}


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()
    return f": {lines[-1]}" if lines else ""
