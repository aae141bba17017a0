"""The toy plan, a folder of its own for each test, and kvx as a program."""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

TOY = Path(__file__).parent / "toy.py"
Kvx = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def toy() -> ModuleType:
    """tests/cli/toy.py as a module."""
    spec = importlib.util.spec_from_file_location("toy", TOY)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["toy"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def clean_environment() -> dict[str, str]:
    """This environment without any variable of kvx."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("KVX_", "HCLOUD_"))}


@pytest.fixture
def kvx(tmp_path: Path, clean_environment: dict[str, str]) -> Kvx:
    """kvx as a program in an empty folder, with a deadline."""

    def run(
        *arguments: str, cwd: Path = tmp_path, timeout: float = 60, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", "from kvx.main import run; run()", *arguments],
            cwd=cwd,
            env=clean_environment | variables,
            capture_output=True,
            text=True,
            timeout=timeout,
            stdin=subprocess.DEVNULL,
            check=False,
        )

    return run
