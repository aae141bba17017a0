"""rendering.py beside this file, and a Kubernetes API server of these tests' own, as fixtures."""

import importlib.util
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

HERE = Path(__file__).parent
Kubectl = Callable[..., subprocess.CompletedProcess[str]]


def _module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_rendering = _module("rendering")


@pytest.fixture(scope="session")
def rendering() -> ModuleType:
    return _rendering


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    """A Kubernetes API server of this module; mark tests needs("kube-apiserver")."""
    with sys.modules["kubernetes_component"].running_api_server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="module")
def kubectl(server: object) -> Kubectl:
    """kubectl as the administrator of that server; what is given as `text` is its stdin."""
    kubeconfig = server.kubeconfig()  # type: ignore[attr-defined]

    def run(*arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["kubectl", "--kubeconfig", str(kubeconfig), "--request-timeout=60s", *arguments],
            input=text,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return run
