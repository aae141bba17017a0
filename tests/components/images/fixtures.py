"""Registries, a builder, and the voice API's image for both architectures; `build` makes what they need."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

from workshop import BUILD, LocalRegistry, Workshop, memory, opened, registry, tools


def missing(name: str = "images") -> str | None:
    """Why images cannot be built and run here, None if they can. For COMPONENTS of tests/conftest.py."""
    if os.geteuid() != 0:
        return f"only root may build and run {name} here"
    return None if (tools() / "buildkitd").is_file() else f"{name} cannot be built; run {BUILD}"


@pytest.fixture(scope="session")
def local_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalRegistry]:
    """A registry that asks for no login; mark tests needs("images")."""
    with registry(tmp_path_factory.mktemp("registry")) as local:
        yield local


@pytest.fixture
def registry_with(tmp_path: Path) -> Iterator[Callable[[str], LocalRegistry]]:
    """Starts a registry with more in its configuration; mark tests needs("images")."""
    with ExitStack() as stack:
        yield lambda more: stack.enter_context(registry(tmp_path / "registry", more))


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    """A builder that remembers what it built the last time; mark tests needs("images")."""
    folder = tmp_path_factory.mktemp("workshop")
    with memory(folder) as state, opened(folder, state) as made:
        yield made
