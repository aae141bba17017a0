"""kvx as a program that rehearses, in a folder of its own, with the real provider; ended after each test."""

import contextlib
import json
import os
import pty
import select
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "tests" / "components" / "hcloud-provider" / "build"
PROGRAM = [sys.executable, "-c", "from kvx.main import run; run()"]
SETTINGS = """\
[hetzner]
cluster = "stage"
load_balancer = "lb11"
[[hetzner.pools]]
name = "workers"
count = 2
volume_gb = 25
"""


class Kvx:
    """kvx in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        mirror = subprocess.run([BUILD, "--where"], check=True, capture_output=True, text=True).stdout.strip()
        steering = ("KVX_", "HCLOUD_", "TF_", "AWS_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(steering)}
        self.environment = kept | {"TF_CLI_CONFIG_FILE": f"{mirror}/terraform.rc", "COLUMNS": "80"}

    def __call__(
        self, *arguments: str, timeout: float = 400, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*PROGRAM, *arguments],
            cwd=self.folder,
            env=self.environment | variables,
            capture_output=True,
            text=True,
            timeout=timeout,
            stdin=subprocess.DEVNULL,
            check=False,
        )

    def on_a_terminal(self, *arguments: str, question: str, answer: str, **variables: str) -> tuple[int, str]:
        """Exit code and screen of a person who answers when the question has come."""
        leader, follower = pty.openpty()
        with subprocess.Popen(
            [*PROGRAM, *arguments],
            cwd=self.folder,
            env=self.environment | {"TERM": "dumb"} | variables,
            stdin=follower,
            stdout=follower,
            stderr=follower,
        ) as process:
            os.close(follower)
            screen = read_until(leader, question)
            os.write(leader, answer.encode() + b"\n")
            screen += read_until(leader, None)
            code = process.wait(100)
        os.close(leader)
        return code, screen.replace("\r\n", "\n")

    @property
    def simulation(self) -> dict[str, Any]:
        known: dict[str, Any] = json.loads((self.folder / ".kvx-rehearsal/simulation.json").read_text())
        return known

    def asked(self, what: str) -> dict[str, Any]:
        """What the simulation says of itself."""
        origin = self.simulation["address"].removesuffix("/v1")
        with urllib.request.urlopen(f"{origin}/_rehearsal/{what}", timeout=60) as answer:
            told: dict[str, Any] = json.load(answer)
        return told

    def names(self, kind: str) -> list[str]:
        return sorted(each["name"] for each in self.asked("resources")["resources"] if each["kind"] == kind)


def read_until(terminal: int, words: str | None, seconds: float = 300) -> str:
    """What appears up to `words`, or to the end; fails when that does not come in time."""
    screen, end = "", time.monotonic() + seconds
    while words is None or words not in screen:
        ready, _, _ = select.select([terminal], [], [], max(end - time.monotonic(), 0))
        assert ready, f"not in time: {screen}"
        piece = b""
        with contextlib.suppress(OSError):  # Linux says so when the program behind it has ended
            piece = os.read(terminal, 65536)
        if not piece:
            assert words is None, f"it ended before {words!r}: {screen}"
            return screen
        screen += piece.decode()
    return screen


@pytest.fixture
def kvx(tmp_path: Path) -> Iterator[Kvx]:
    (tmp_path / "kvx.toml").write_text(SETTINGS)
    program = Kvx(tmp_path)
    yield program
    program("rehearse", "stop")


@pytest.fixture
def simulated(kvx: Kvx) -> Callable[..., dict[str, str]]:
    """The variables with which a plain kvx reaches the simulation, and not Hetzner."""

    def variables(token: str = "f" * 64) -> dict[str, str]:
        kvx("rehearse", "doctor")
        address = kvx.simulation["address"]
        origin = address.removesuffix("/v1")
        return {
            "HCLOUD_TOKEN": token,
            "HCLOUD_ENDPOINT": address,
            "KVX_HETZNER_ADDRESS_URL": f"{origin}/_rehearsal/address",
        }

    return variables
