"""A PostgreSQL server of its own on a socket in a folder, from Debian's package; gone with the tests."""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from uuid import uuid4

import pytest

sys.path.append(str(Path(__file__).parent))

import postgresql_image as image

PACKAGES = Path("/usr/lib/postgresql")
START_SECONDS = 240
USER = "postgres"
"""It refuses to run as root; Debian's package brings this user."""


def missing(name: str = "postgresql") -> str | None:
    """Why it cannot be started, None if it can. For COMPONENTS of tests/conftest.py."""
    if _programs() is None:
        return f"{name} is not installed; run apt-get install postgresql"
    return None if os.geteuid() or _user_is_there() else f"there is no user {USER} to run {name}"


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Path]:
    """The folder of a server's socket. Mark tests needs("postgresql")."""
    with running_postgresql() as folder:
        yield folder


@pytest.fixture
def postgresql(postgresql_server: Path) -> str:
    """The address of a new, empty database."""
    return new_database(postgresql_server)


@contextlib.contextmanager
def running_postgresql() -> Iterator[Path]:
    """A server, everything of which is in the folder."""
    programs = _programs()
    assert programs is not None
    with tempfile.TemporaryDirectory(prefix="kvx-postgresql-") as name:
        folder = Path(name)
        if os.geteuid() == 0:
            shutil.chown(folder, USER)
        run = _as_user()
        making = ("-D", folder / "data", "-U", USER, "--auth=trust", "--no-instructions", "--no-sync")
        run([programs / "initdb", *making])
        with (folder / "log").open("wb") as log:
            options = (
                "-D",
                folder / "data",
                "-k",
                folder,
                "-c",
                "listen_addresses=",
                "-c",
                "max_connections=80",
                "-c",
                "fsync=off",  # a killed server loses nothing by it, only a machine without power
            )
            server = subprocess.Popen(
                [programs / "postgres", *options], stdin=subprocess.DEVNULL, stdout=log, stderr=log, **_user()
            )
        try:
            _wait_until_ready(folder, server)
            yield folder
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(timeout=START_SECONDS)


@pytest.fixture(scope="session")
def postgresql_archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same programs as an image, for pods. Mark tests needs("postgresql")."""
    programs = _programs()
    assert programs is not None
    out = tmp_path_factory.mktemp("postgresql") / "image.tar"
    image.write(programs, out)
    return out


def new_database(folder: Path) -> str:
    programs = _programs()
    assert programs is not None
    name = f"test_{uuid4().hex}"
    _as_user()([programs / "createdb", "-h", folder, "-U", USER, name])
    return f"postgresql://{USER}@/{name}?host={folder}"


def _wait_until_ready(folder: Path, server: "subprocess.Popen[bytes]") -> None:
    programs = _programs()
    assert programs is not None
    end = time.monotonic() + START_SECONDS
    while subprocess.run([programs / "pg_isready", "-q", "-h", folder], check=False).returncode:
        said = (folder / "log").read_text(errors="replace")[-2000:]
        assert server.poll() is None, said
        assert time.monotonic() < end, said
        time.sleep(0.1)


def _as_user() -> Callable[[list[Path | str]], object]:
    def run(command: list[Path | str]) -> object:
        return subprocess.run(
            command, check=True, capture_output=True, timeout=START_SECONDS, cwd="/", **_user()
        )

    return run


def _user() -> dict[str, str]:
    return {"user": USER} if os.geteuid() == 0 else {}


@cache
def _programs() -> Path | None:
    """Debian puts them into no folder of PATH, one folder for each version."""
    found = sorted(PACKAGES.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


def _user_is_there() -> bool:
    return USER in {entry.pw_name for entry in pwd.getpwall()}
