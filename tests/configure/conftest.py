"""Playbooks that run for real: on this machine as if it were three hosts, and on two hosts reached by SSH."""

import contextlib
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from kvx.drivers.ansible import Play, Played, play
from kvx.steps.nodes import AwaitNodes
from kvx.world import World, real_world

PROGRAM = Path(__file__).with_name("play_it.py")
LOCAL = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
# A fleet that no other test has.
FLEET = 61


def _until(condition: Callable[[], Any], seconds: float = 100) -> Any:
    """The first true value of the condition; fails when there is none in time."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)
    return value


@dataclass
class Ground:
    """A folder as provision leaves it, with playbooks beside it, and what was said of a run."""

    top: Path
    said: list[str] = field(default_factory=list)
    stop: Callable[[], bool] = lambda: False

    @property
    def folder(self) -> Path:
        return self.top / ".kvx" / "hetzner"

    @property
    def world(self) -> World:
        return real_world(self.said.append, self.stop)

    def hosts(self, *names: str, **variables: Any) -> None:
        """The inventory: these hosts, which all are this machine."""
        group = {"hosts": {name: {"ansible_host": name} for name in names}}
        whole = {"vars": {"cluster_name": "kvx", **LOCAL, **variables}, "children": {"k3s_server": group}}
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "inventory.yaml").write_text(json.dumps({"all": whole}))

    def playbook(self, *tasks: Mapping[str, Any], **of_play: Any) -> Path:
        book = {"name": "A play", "hosts": "all", "gather_facts": False, "tasks": list(tasks), **of_play}
        path = self.top / "playbook.yml"
        path.write_text(json.dumps([book]))
        return path

    def play(self, *tasks: Mapping[str, Any], **of_run: Any) -> Played:
        return play(self.of(*tasks, **of_run), self.world)

    def of(self, *tasks: Mapping[str, Any], **of_run: Any) -> Play:
        return Play(self.playbook(*tasks), self.folder, **of_run)

    def written(self) -> Iterator[tuple[Path, str]]:
        """Every file under the folder, with its text."""
        for path in self.folder.rglob("*"):
            if path.is_file() and not path.is_fifo():
                yield path, path.read_text(errors="replace")


@pytest.fixture
def until() -> Callable[..., Any]:
    return _until


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    """Three hosts, all of them this machine."""
    made = Ground(tmp_path)
    made.hosts("one", "two", "three")
    return made


@dataclass
class Running:
    """A kvx at work in a process of its own, and all that it started."""

    process: subprocess.Popen[str]
    family: set[psutil.Process] = field(default_factory=set)

    def look(self) -> set[psutil.Process]:
        """Every process it has started until now; some leave its group, and change their parent."""
        with contextlib.suppress(psutil.NoSuchProcess):
            self.family |= set(psutil.Process(self.process.pid).children(recursive=True))
        return self.family

    def alive(self) -> list[psutil.Process]:
        return [each for each in self.family if _lives(each)]

    def lines(self) -> list[str]:
        """The command lines of those that live."""
        return list(_command_lines(self.alive()))

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children()

    def kill(self) -> None:
        self.look()
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(60)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Starts play_it.py with a playbook and a folder; what is left of it is ended."""
    started: list[Running] = []

    def run(play: Play) -> Running:
        seconds = str(play.deadline_seconds)
        argv = [sys.executable, str(PROGRAM), str(play.playbook), str(play.folder), seconds]
        process = subprocess.Popen(argv, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        started.append(Running(process))
        return started[-1]

    yield run
    for each in started:
        each.look()
        each.process.kill()
        each.process.wait(60)
        for left in each.alive():
            with contextlib.suppress(psutil.NoSuchProcess):
                left.kill()


def _lives(process: psutil.Process) -> bool:
    """It may end while it is asked."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def _command_lines(processes: Iterable[psutil.Process]) -> Iterator[str]:
    """Of those that do not end while they are asked."""
    for each in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            yield " ".join(each.cmdline())


@pytest.fixture(scope="session")
def fleet() -> Iterator[Any]:
    """Two hosts by systemd-nspawn; mark tests needs("hosts")."""
    from systemd_hosts import lifecycle

    lifecycle.bring_down(FLEET)
    try:
        yield lifecycle.bring_up(FLEET, 2)
    finally:
        lifecycle.bring_down(FLEET)


@dataclass
class Pair(Ground):
    """A folder as provision hands it over for two real hosts."""

    fleet: Any = None

    @property
    def key(self) -> Path:
        return self.folder / "ssh" / "id_ed25519"

    @property
    def names(self) -> tuple[str, str]:
        first, second = self.fleet.hosts
        return first.name, second.name

    @property
    def addresses(self) -> tuple[str, str]:
        first, second = self.fleet.hosts
        return first.public_ip, second.public_ip

    def waiting(self, seconds: float = 60) -> AwaitNodes:
        return AwaitNodes(self.folder, self.top, self.key, seconds)

    def of(self, *tasks: Mapping[str, Any], **of_run: Any) -> Play:
        """Beside the playbook lies what reaches the hosts: the variables that all playbooks share."""
        shared = Path(__file__).parents[2] / "ansible" / "group_vars"
        shutil.copytree(shared, self.top / "group_vars", dirs_exist_ok=True)
        made = Play(self.playbook(*tasks), self.folder, **of_run)
        return replace(made, variables={"ansible_ssh_private_key_file": str(self.key), **made.variables})

    def move_to(self, name: str) -> None:
        shutil.move(self.folder, self.top / name / ".kvx" / "hetzner")
        self.top /= name

    def show_host_key(self, address: str, line: str) -> None:
        """Have this machine know the host by another key."""
        (self.folder / "known_hosts.d").mkdir(exist_ok=True)
        (self.folder / "known_hosts.d" / address).write_text(line)


@pytest.fixture
def pair(tmp_path: Path, fleet: Any) -> Pair:
    """Two hosts as they were handed over; both are on."""
    made = Pair(tmp_path, fleet=fleet)
    (made.folder / "ssh").mkdir(parents=True)
    shutil.copy(fleet.key, made.key)
    for name in ("inventory.yaml", "known_hosts"):
        shutil.copy(fleet.folder / name, made.folder / name)
    return made
