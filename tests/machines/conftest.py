"""A catalogue, fleets, and the simulated Hetzner as a program of its own."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from kvx.cost.prices import snapshot_document
from kvx.drivers.hetzner_reading import server_type
from kvx.machines.catalogue import Catalogue
from kvx.machines.fleet import Account, Fleet, Place, Pool
from kvx.secret import Secret
from kvx.world import World, real_world

TOKEN = "t" * 64
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIC6WCmcYJ2wJgWGSB9GMEJOZLIy8ml8qXDMTjjtBLIwV test"


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    """The types and locations of the snapshot, with debian-12 for both architectures."""
    document = snapshot_document()
    types = [server_type(each) for each in document["server_types"]]
    zones = {each["name"]: each["network_zone"] for each in document["locations"]}
    images = frozenset({("debian-12", "arm"), ("debian-12", "x86")})
    return Catalogue({each.name: each for each in types}, zones, images)


@pytest.fixture(scope="session")
def fleet() -> Fleet:
    """One small control plane and two workers with three fallbacks."""
    places = ("cax21@nbg1", "cax21@hel1", "cax31@fsn1", "cpx22@nbg1")
    workers = Pool("workers", 2, tuple(Place(*each.split("@")) for each in places))
    return Fleet("kvx", (Pool("control-plane", 1, (Place("cax11", "nbg1"),)), workers))


@dataclass(frozen=True, slots=True)
class Recorder:
    """Hears the progress, and sleeps a hundred times as fast where asked to."""

    told: list[str]
    slept: list[float]
    passed: list[float]

    @property
    def world(self) -> World:
        """Clocks that a sleep moves forward at once: waiting takes no time, and has its length."""
        real = real_world(self.told.append)

        def sleep(seconds: float) -> None:
            self.slept.append(seconds)
            self.passed[0] += seconds

        return replace(
            real,
            sleep=sleep,
            monotonic=lambda: real.monotonic() + self.passed[0],
            now=lambda: real.now() + self.passed[0],
        )


@pytest.fixture
def recorder() -> Recorder:
    return Recorder([], [], [0.0])


@dataclass(frozen=True, slots=True)
class Simulation:
    """A simulated Hetzner that serves."""

    address: str

    def account(self, token: str = TOKEN) -> Account:
        return Account(Secret(token), self.address)

    def use(self, **scenario: object) -> None:
        answer = httpx.post(self._beside("scenario"), content=json.dumps(scenario), timeout=60)
        assert answer.status_code == 200, answer.text

    def requests(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = httpx.get(self._beside("requests"), timeout=60).json()["requests"]
        return found

    def send(self, method: str, path: str, **body: object) -> dict[str, Any]:
        """What a user, a controller or Terraform does; its actions are waited for."""
        header = {"Authorization": f"Bearer {TOKEN}"}
        content: dict[str, Any] = {"json": body} if body else {}
        answer = httpx.request(method, f"{self.address}{path}", headers=header, timeout=60, **content)
        assert answer.status_code < 300, answer.text
        document: dict[str, Any] = answer.json() if answer.content else {}
        actions = [document[key] for key in ("action",) if document.get(key)]
        for action in (*actions, *(document.get("next_actions") or ())):
            self._wait(action["id"], header)
        return document

    def make(self, plural: str, name: str, **body: object) -> int:
        """The id of a new resource, when its actions have ended."""
        made: dict[str, Any] = self.send("POST", f"/{plural}", name=name, **body)[plural[:-1]]
        return int(made["id"])

    def server(self, name: str, **body: object) -> int:
        wanted = {"server_type": "cax21", "image": "debian-12", "location": "nbg1", **body}
        return self.make("servers", name, **wanted)

    def names(self, plural: str) -> set[str]:
        return {str(each["name"]) for each in self.send("GET", f"/{plural}?per_page=50")[plural]}

    def _wait(self, action: int, header: dict[str, str]) -> None:
        for _ in range(400):
            answer = httpx.get(f"{self.address}/actions?id={action}", headers=header, timeout=60).json()
            if answer["actions"][0]["status"] != "running":
                return
        raise AssertionError("the action did not end")

    def _beside(self, name: str) -> str:
        return f"{self.address.removesuffix('/v1')}/_rehearsal/{name}"


@pytest.fixture
def hetzner(tmp_path: Path) -> Iterator[Simulation]:
    """The simulation as a program, a hundred times as fast."""
    command = (
        sys.executable,
        "-m",
        "kvx_rehearsal",
        "--state",
        str(tmp_path / "project.sqlite"),
        "--speed",
        "100",
    )
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield Simulation(json.loads(process.stdout.readline())["address"])
    finally:
        process.terminate()
        process.wait(timeout=60)
        process.stdout.close()
