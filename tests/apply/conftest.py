"""An API server of these tests' own, whose namespace kvx is empty again for each; and deployments to it."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from deployed import Folder, Server, empty
from standing import NamespaceController
from troubled import Way, way_to

from kvx.drivers.api_server import Api, connect
from kvx.world import real_world


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Not the one that all share: here namespaces end."""
    kubernetes = sys.modules["kubernetes_component"]
    with kubernetes.running_api_server(tmp_path_factory.mktemp("apply")) as running:
        yield running


@pytest.fixture
def api(server: Server) -> Iterator[Api]:
    """The server as it was at first, with what ends namespaces."""
    api = connect(server.kubeconfig(), None, real_world())
    empty(api)
    with NamespaceController(api):
        yield api
    empty(api)


@pytest.fixture
def folder(tmp_path: Path, server: Server, api: Api) -> Folder:
    made = Folder(tmp_path, server.kubeconfig())
    made.set()
    return made


@pytest.fixture
def way(server: Server, api: Api) -> Iterator[Way]:
    """To the same server, with a place where things go wrong."""
    with way_to(server.url, server.authority) as standing:
        yield standing


@pytest.fixture
def troubled(tmp_path: Path, way: Way) -> Folder:
    """A folder that deploys over that way."""
    content = {
        "clusters": [{"name": "c", "cluster": {"server": way.url}}],
        "users": [{"name": "u", "user": {"token": "admin-token"}}],
        "contexts": [{"name": "troubled", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "troubled",
    }
    kubeconfig = tmp_path / "troubled.kubeconfig"
    kubeconfig.write_text(json.dumps(content))
    made = Folder(tmp_path, kubeconfig)
    made.set()
    return made
