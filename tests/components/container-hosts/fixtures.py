"""Two nodes that take images, shared by all tests of a module; mark tests needs("container-hosts")."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

import container_hosts as nodes

missing = nodes.missing


@pytest.fixture(scope="module")
def container_hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[nodes.ContainerHost, ...]]:
    with nodes.started(tmp_path_factory.mktemp("nodes"), 2) as hosts:
        yield hosts
