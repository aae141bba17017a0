"""The simulated Hetzner for these tests: inside this process with a clock of its own, or as a program."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hcloud
import httpx
import pytest

from kvx_rehearsal.answering import Answering, Request, Sent
from kvx_rehearsal.catalogue import snapshot
from kvx_rehearsal.store import Store

TOKEN = "t" * 64
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIC6WCmcYJ2wJgWGSB9GMEJOZLIy8ml8qXDMTjjtBLIwV test"
SERVER = {"server_type": "cax11", "image": "debian-12", "location": "nbg1"}
START_SECONDS = 30


@dataclass(slots=True)
class Clock:
    """Time that passes when it is told to."""

    now: float = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass(slots=True)
class Project:
    """A simulated project without HTTP: what the program answers, at the time the clock says."""

    answering: Answering
    clock: Clock

    def request(self, method: str, path: str, content: bytes = b"", token: str = TOKEN) -> Request:
        where, _, query = path.partition("?")
        pairs = [pair.partition("=") for pair in query.split("&") if pair]
        return Request(method, where, [(name, value) for name, _, value in pairs], f"Bearer {token}", content)

    def send(self, method: str, path: str, body: object = None, token: str = TOKEN) -> Sent:
        content = b"" if body is None else json.dumps(body).encode()
        return self.answering.answer(self.request(method, path, content, token))

    def done(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """The body of an answer that must be a good one."""
        sent = self.send(method, path, body)
        assert sent.status < 300, sent.body
        return sent.body or {}

    def code(self, method: str, path: str, body: object = None) -> str:
        """The code of an answer that must be a refusal."""
        sent = self.send(method, path, body)
        assert sent.status >= 400, sent.body
        assert sent.body is not None
        return str(sent.body["error"]["code"])

    def later(self, seconds: float = 60.0) -> None:
        self.clock.now += seconds

    def make(self, plural: str, **body: object) -> dict[str, Any]:
        """A new resource, after its actions have ended."""
        made = self.done("POST", f"/{plural}", {"name": f"{plural}-{self.clock.now}", **body})
        self.later()
        found: dict[str, Any] = self.done("GET", f"/{plural}/{made[plural[:-1]]['id']}")[plural[:-1]]
        return found

    def server(self, **body: object) -> dict[str, Any]:
        return self.make("servers", **{"name": f"s{int(self.clock.now)}", **SERVER, **body})

    def network(self, **body: object) -> dict[str, Any]:
        """10.0.0.0/16 with 10.0.0.0/24 in it."""
        subnet = {"type": "cloud", "network_zone": "eu-central", "ip_range": "10.0.0.0/24"}
        return self.make("networks", **{"ip_range": "10.0.0.0/16", "subnets": [subnet], **body})

    def off(self, server: dict[str, Any]) -> None:
        self.done("POST", f"/servers/{server['id']}/actions/poweroff")
        self.later()


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    clock = Clock()
    store = Store(tmp_path / "state")
    yield Project(Answering(store, snapshot(), 1.0, clock), clock)
    store.close()


@dataclass(slots=True)
class Program:
    """`python -m kvx_rehearsal` on a state file; it can be killed and started again."""

    state: Path
    options: list[str] = field(default_factory=list)
    process: subprocess.Popen[str] | None = None
    address: str = ""

    def start(self) -> "Program":
        command = [sys.executable, "-m", "kvx_rehearsal", "--state", str(self.state), *self.options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.address = json.loads(self.process.stdout.readline())["address"]
        return self

    def kill(self) -> None:
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGKILL)
        self._gone()

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self._gone()

    def _gone(self) -> None:
        assert self.process is not None
        self.process.wait(timeout=START_SECONDS)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.process = None

    def http(self) -> httpx.Client:
        return httpx.Client(base_url=self.address, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=60)

    def client(self) -> hcloud.Client:
        """The real Python client."""
        return hcloud.Client(TOKEN, self.address, poll_interval=0.05)

    def use(self, scenario: dict[str, Any]) -> None:
        answer = httpx.post(self.beside("scenario"), content=json.dumps(scenario), timeout=60)
        assert answer.status_code == 200, answer.text

    def beside(self, name: str) -> str:
        return f"{self.address.removesuffix('/v1')}/_rehearsal/{name}"

    def resources(self) -> dict[str, Any]:
        found: dict[str, Any] = httpx.get(self.beside("resources"), timeout=60).json()
        return found

    def requests(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = httpx.get(self.beside("requests"), timeout=60).json()["requests"]
        return found


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    """A program of its own, a hundred times as fast."""
    started = Program(tmp_path / "state", ["--speed", "100"]).start()
    yield started
    started.stop()
