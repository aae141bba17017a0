"""The example extension, a Docker for it to ask, and cores that end what they started."""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

from docker_there import DockerThere, described, framed
from extending import EXAMPLE, Opened


@pytest.fixture(scope="module")
def core_with() -> Iterator[Opened]:
    opened = Opened()
    yield opened
    for close in opened.closes:
        close()


@pytest.fixture(scope="module")
def docker() -> Iterator[DockerThere]:
    folder = Path(tempfile.mkdtemp(prefix="kvx-docker-"))  # a socket's path has to be short
    there = DockerThere(folder / "docker.sock")
    there.containers = {
        "web": described("web", "running", Health={"Status": "healthy"}),
        "nightly-job": described("nightly-job", "exited", ExitCode=137, OOMKilled=True, restarts=2),
    }
    there.logs = {"web": framed("GET / 200\n", "DB_PASSWORD=hunter2hunter2 was wrong\n")}
    there.start()
    yield there
    there.stop()
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def docker_extension(docker: DockerThere, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example as it is shipped, but for the address of its socket, and more time for Python to start."""
    file = tmp_path_factory.mktemp("extensions") / "docker-containers" / "extension.yaml"
    shutil.copytree(EXAMPLE, file.parent)
    text = file.read_text()
    for shipped, here in (
        ("/var/run/docker.sock", str(docker.path)),
        ("deadline_seconds: 2\n", "deadline_seconds: 10\n"),
    ):
        assert shipped in text
        text = text.replace(shipped, here)
    file.write_text(text)
    return file
