"""The voice API as it is started, with users, in a process of its own."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
from operated import eventually

START_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Served:
    """A service that is ready, where its figures are, and the file of its log."""

    address: str
    metrics: str
    log: Path


def voice_api(folder: Path, *arguments: str) -> list[str]:
    """The command line, with the users of a folder."""
    files = ("--users-file", str(folder / "users.json"))
    return [sys.executable, "-m", "voice_api", *arguments, *files]


@contextmanager
def served(folder: Path, *more: str) -> Iterator[Served]:
    """Until it is ready; ended afterwards."""
    port, metrics = _free_ports()
    ports = ("--port", str(port), "--metrics-port", str(metrics))
    log = folder / "service.log"
    with (
        log.open("wb") as out,
        subprocess.Popen(voice_api(folder, "serve", *ports, *more), stdout=out, stderr=out) as process,
    ):
        try:
            address = f"http://127.0.0.1:{port}"
            eventually(lambda: _ready(address) or process.poll() is not None, START_SECONDS)
            assert process.poll() is None, log.read_text()
            yield Served(address, f"http://127.0.0.1:{metrics}/metrics", log)
        finally:
            process.terminate()
            process.wait(timeout=60)


def _ready(address: str) -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(f"{address}/ready", timeout=60).status_code == 200
    return False


def _free_ports() -> tuple[int, int]:
    with socket.socket() as first, socket.socket() as second:
        for each in (first, second):
            each.bind(("127.0.0.1", 0))
        return first.getsockname()[1], second.getsockname()[1]
