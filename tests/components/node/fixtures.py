"""A cluster of one real node for pytest, and the voice API's image on it."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

from one_node import cluster
from one_node.cluster import Cluster

BUILD = Path(__file__).with_name("build")
ARCHIVE = Path(__file__).parents[1] / "images" / "archive"
ARCHIVE_SECONDS = 900.0
IMAGE = "localhost/voice-api"


def missing(name: str = "node") -> str | None:
    """Why no node can stand here, None if one can. For COMPONENTS of tests/conftest.py."""
    kubernetes, more, definitions = cluster.built()
    for folder, build in ((kubernetes, "kubernetes"), (more, "node"), (definitions, "definitions")):
        if not folder.is_dir():
            return f"a {name} has no programs yet; run {BUILD.parents[1] / build / 'build'}"
    return cluster.missing()


@pytest.fixture(scope="session")
def node() -> Iterator[Cluster]:
    """A cluster with one node, shared by all tests of the session; mark them needs("node")."""
    with cluster.running() as running:
        yield running


@pytest.fixture(scope="session")
def voice_api_image(node: Cluster) -> str:
    """The voice API's image on that node, by its digest; mark tests needs("node", "images")."""
    return _taken(node, IMAGE)


@pytest.fixture(scope="session")
def voice_processor_image(node: Cluster) -> str:
    """The voice processor's, which has the same layers; mark tests needs("node", "images")."""
    return _taken(node, "localhost/voice-processor")


@pytest.fixture(scope="session")
def kvx_image(node: Cluster) -> str:
    """That of kvx itself, for what asks and tells from within."""
    return _taken(node, "localhost/kvx")


def _taken(node: Cluster, image: str) -> str:
    words = [ARCHIVE, "amd64", image.rpartition("/")[2]]
    built = subprocess.run(words, capture_output=True, text=True, timeout=ARCHIVE_SECONDS, check=False)
    assert built.returncode == 0, built.stderr
    return node.take_image(Path(built.stdout.strip()), image)
