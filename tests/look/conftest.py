"""A voice API that stands on a real API server of this folder's own."""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from standing_cluster import ROOT, Server, Standing, apply, rendered, serve

PATIENT = [sys.executable, str(Path(__file__).with_name("patient_kvx.py"))]


@pytest.fixture(scope="session")
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An API server that no other folder's tests write to."""
    running: Callable[[Path], AbstractContextManager[Server]] = sys.modules[
        "kubernetes_component"
    ].running_api_server
    with running(tmp_path_factory.mktemp("look")) as server:
        yield server


@pytest.fixture(scope="session")
def applied(own_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Standing:
    """k8s/overlays/cluster with advice, applied as kvx does it; no controller has looked at it."""
    folder = tmp_path_factory.mktemp("overlay")
    overlay, component = ROOT / "k8s" / "overlays" / "cluster", ROOT / "k8s" / "components" / "vpa"
    objects = rendered(folder, overlay, component)
    standing = Standing(own_server, own_server.kubeconfig(), objects, folder)
    definitions = sys.modules["definitions_component"].folder()
    standing.kubectl("apply", "--server-side", "-f", str(definitions / "vpa-v1-crd-gen.yaml"))
    standing.kubectl("wait", "--for=condition=Established", "--all", "crd", "--timeout=60s")
    apply(standing, objects)
    return replace(standing, folder=standing.among(folder))


@pytest.fixture
def standing(applied: Standing, tmp_path: Path) -> Standing:
    """The same, released and served by two pods; a folder of each test's own."""
    whole = replace(applied, folder=applied.among(tmp_path))
    serve(whole)
    return whole


@pytest.fixture
def patient() -> list[str]:
    """The command line of a kvx that waits for an API server as long as a busy machine needs."""
    return PATIENT


@pytest.fixture
def patient_kvx(patient: list[str], kvx_of: Callable[[list[str]], Any]) -> Any:
    return kvx_of(patient)
