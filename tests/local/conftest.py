"""A folder with a service in it: the stand-in, or the real voice API; nothing of it outlives its test."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from kvx import drivers
from kvx.steps.service import RemoveFolder, StartService, StopService, WriteFile
from kvx.supervisor import claim, records
from kvx.supervisor.records import State
from kvx.world import Outcome, World, real_world

STAND_IN = Path(__file__).with_name("stand_in_service.py")
WAIT_SECONDS = 80


@pytest.fixture
def small_disk(disk_of: Callable[[str], Path]) -> Path:
    """A file system of 16 kB."""
    return disk_of("16k")


def until(condition: Callable[[], Any], seconds: float = WAIT_SECONDS) -> Any:
    """The first true value of the condition; fails when there is none in time."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)
    return value


class Deployed:
    """The stand-in service under a supervisor, in one folder."""

    until = staticmethod(until)

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said: list[str] = []
        self.world: World = real_world(self.said.append)
        self.settings_file = folder / "voice-api.toml"

    def step(self, **settings: Any) -> StartService:
        """Write the settings of the stand-in; those of the step itself begin with `step_`."""
        own = {name.removeprefix("step_"): settings.pop(name) for name in list(settings) if "step_" in name}
        text = "".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items())
        drivers.perform(WriteFile(self.settings_file, text), self.world)
        argv = (sys.executable, str(STAND_IN), "serve", "--settings", str(self.settings_file))
        values = {"host": "127.0.0.1", "port": None, "metrics_host": "127.0.0.1", "metrics_port": None}
        values |= {"model": "none", "version": "1", "deadline_seconds": 60} | own
        return StartService(self.folder, argv, self.settings_file, **values)

    def start(self, **settings: Any) -> Outcome:
        return drivers.perform(self.step(**settings), self.world)

    def stop(self) -> Outcome:
        return drivers.perform(StopService(self.folder, 60), self.world)

    def state(self) -> State:
        state = records.read_state(self.folder)
        assert state is not None
        return state

    def ask(self, timeout: float = 40) -> dict[str, Any]:
        """One request on a connection of its own."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.state().port}/", timeout=timeout) as answer:
            return json.loads(answer.read())

    @property
    def supervisor_pid(self) -> int:
        owner = claim.owner(records.pid_file(self.folder))
        assert owner is not None
        return owner.pid

    @property
    def child_pid(self) -> int:
        serving = self.state().serving
        assert serving is not None
        return serving.process.pid

    def processes(self) -> list[psutil.Process]:
        """Every living process that has this folder in its command line."""
        return living_with(str(self.folder))

    def log(self) -> str:
        return records.log_file(self.folder).read_text()


def living_with(words: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        line = " ".join(process.info["cmdline"] or ())
        if words in line and process.info["status"] != psutil.STATUS_ZOMBIE and process.pid != os.getpid():
            found.append(process)
    return found


def end(processes: Iterable[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


@pytest.fixture
def deployed(tmp_path: Path) -> Iterator[Deployed]:
    folder = tmp_path / "local"
    folder.mkdir()
    service = Deployed(folder)
    yield service
    if folder.exists():
        service.stop()
        drivers.perform(RemoveFolder(folder), service.world)
    end(service.processes())


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port on which this test listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


class Program:
    """kvx as a program in a folder of its own, as a person starts it."""

    until = staticmethod(until)

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.local = folder / ".kvx" / "local"
        unwanted = ("KVX_", "XDG_RUNTIME_DIR", "DBUS_", "KUBE", "HCLOUD_")
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith(unwanted)
        } | {"HOME": str(folder)}

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-c", "from kvx.main import run; run()", *arguments]

    def run(
        self, *arguments: str, stdin: bytes = b"", seconds: float = 90
    ) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment,
            input=stdin,
            capture_output=True,
            timeout=seconds,
            check=False,
        )

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def json(self, *arguments: str) -> dict[str, Any]:
        """The one document that the command prints."""
        return json.loads(self.run(*arguments, "--json").stdout)

    def processes(self) -> list[psutil.Process]:
        return living_with(str(self.local))

    def lines(self) -> list[str]:
        """The command lines of those that do not end while they are asked."""
        found = []
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                found.append(" ".join(process.cmdline()))
        return found


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """One deployment for the tests of a module, which they share where they do not say otherwise."""
    kvx = Program(tmp_path_factory.mktemp("program"))
    yield kvx
    kvx.run("cleanup", "--yes")
    end(kvx.processes())


@pytest.fixture
def own_program(tmp_path: Path) -> Iterator[Program]:
    """A deployment for one test."""
    kvx = Program(tmp_path)
    yield kvx
    kvx.run("cleanup", "--yes")
    end(kvx.processes())
