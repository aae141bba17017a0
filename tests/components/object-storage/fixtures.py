"""A server of S3 on this machine, installed by ../environment: it locks as Terraform needs it."""

import contextlib
import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

INSTALL = (Path(__file__).parents[1] / "environment", "object-storage")
START_SECONDS = 180


def missing(name: str = "object-storage") -> str | None:
    """Why it cannot be started, None if it can. For COMPONENTS of tests/conftest.py."""
    return None if python().is_file() else f"{name} is not installed; run {' '.join(map(str, INSTALL))}"


@cache
def python() -> Path:
    """The Python that has the server."""
    told = subprocess.run([*INSTALL, "--where"], check=True, capture_output=True, text=True)
    return Path(told.stdout.strip()) / "bin" / "python"


@pytest.fixture(scope="session")
def object_storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server without any bucket: PUT /NAME makes one. Mark tests needs("object-storage")."""
    with running_object_storage(tmp_path_factory.mktemp("object-storage")) as address:
        yield address


@contextlib.contextmanager
def running_object_storage(folder: Path) -> Iterator[str]:
    """A server of its own; any key may do anything, and all is gone with it."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [str(python()), "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        )
    try:
        wait_until_it_answers(address, server, folder / "server.log")
        yield address
    finally:
        server.kill()
        server.wait()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def wait_until_it_answers(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while True:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/moto-api/", timeout=5):
            return
        assert server.poll() is None, log.read_text(errors="replace")[-2000:]
        assert time.monotonic() < end, f"it does not answer on {address}"
        time.sleep(0.1)
