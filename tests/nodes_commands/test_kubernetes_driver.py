"""The nodes of a cluster, asked of a real API server, and what is said where none answers."""

import json
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Protocol

import pytest

from kvx.drivers.kubernetes import list_nodes
from kvx.errors import ExitCode, KvxError
from kvx.world import real_world


class ApiServer(Protocol):
    """What tests/components/kubernetes/fixtures.py starts."""

    url: str
    authority: Path

    def request(
        self, method: str, path: str, body: Mapping[str, object] | None = None
    ) -> dict[str, object]: ...
    def kubeconfig(self, user: Mapping[str, object] | None = None, *, name: str = "real") -> Path: ...


def write_kubeconfig(folder: Path, server: str, authority: Path | None = None, token: str = "t") -> None:
    cluster = {"server": server} | ({"certificate-authority": str(authority)} if authority else {})
    content = {
        "clusters": [{"name": "edge", "cluster": cluster}],
        "users": [{"name": "edge", "user": {"token": token}}],
        "contexts": [{"name": "edge", "context": {"cluster": "edge", "user": "edge"}}],
        "current-context": "edge",
    }
    (folder / "kubeconfig").write_text(json.dumps(content))


@contextmanager
def silent() -> Iterator[str]:
    """A server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"https://127.0.0.1:{server.getsockname()[1]}"


def closed() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"https://127.0.0.1:{server.getsockname()[1]}"


@contextmanager
def answering(body: bytes) -> Iterator[str]:
    """A server without TLS that gives one answer to all."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(body)

        Thread(target=answer, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def refused(folder: Path, deadline_seconds: float = 30.0) -> KvxError:
    with pytest.raises(KvxError) as raised:
        list_nodes(folder, (), real_world(), deadline_seconds)
    assert raised.value.exit_code is ExitCode.INCOMPLETE
    return raised.value


@pytest.mark.needs("kube-apiserver", "etcd")
def test_the_nodes_are_those_that_the_api_server_has(api_server: ApiServer, tmp_path: Path) -> None:
    (tmp_path / "kubeconfig").write_bytes(api_server.kubeconfig(name="edge").read_bytes())
    api_server.request("POST", "/api/v1/nodes", {"metadata": {"name": "listed-by-kvx"}})
    try:
        found = list_nodes(tmp_path, (), real_world(), 30)
    finally:
        api_server.request("DELETE", "/api/v1/nodes/listed-by-kvx")
    assert found.address == api_server.url
    assert "listed-by-kvx" in {item["metadata"]["name"] for item in found.items}


@pytest.mark.needs("kube-apiserver", "etcd")
def test_a_user_that_the_server_does_not_know_is_said_so(api_server: ApiServer, tmp_path: Path) -> None:
    write_kubeconfig(tmp_path, api_server.url, api_server.authority, token="unknown")
    assert "does not know the user of the kubeconfig (HTTP 401)" in refused(tmp_path).message


@pytest.mark.needs("kube-apiserver", "etcd")
def test_a_server_that_another_authority_vouches_for_is_not_believed(
    api_server: ApiServer, tmp_path: Path
) -> None:
    write_kubeconfig(tmp_path, api_server.url)
    wrong = refused(tmp_path)
    assert "shows a certificate that is not the cluster's" in wrong.message
    assert "self-signed" in wrong.message


def test_a_server_that_is_gone_is_said_at_once(tmp_path: Path) -> None:
    write_kubeconfig(tmp_path, closed())
    wrong = refused(tmp_path)
    assert "cannot be reached (Connection refused)" in wrong.message
    assert wrong.fix.startswith("kvx nodes run")


def test_a_server_that_says_nothing_is_left_after_the_deadline(tmp_path: Path) -> None:
    with silent() as url:
        write_kubeconfig(tmp_path, url)
        began = time.monotonic()
        wrong = refused(tmp_path, deadline_seconds=1)
        assert time.monotonic() - began < 60
    assert "did not answer within 1 s" in wrong.message


def test_the_next_server_is_asked_within_the_same_deadline(tmp_path: Path) -> None:
    with silent() as url:
        write_kubeconfig(tmp_path, url)
        began = time.monotonic()
        with pytest.raises(KvxError, match="within 1 s"):
            list_nodes(tmp_path, ("127.0.0.1", "127.0.0.2"), real_world(), 3)
        assert time.monotonic() - began < 60


@pytest.mark.parametrize("body", [b"<html>", b'{"kind": "PodList", "items": []}', b'{"kind": "NodeList"}'])
def test_what_is_no_list_of_nodes_is_not_taken_for_one(tmp_path: Path, body: bytes) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
    with answering(head + body) as url:
        write_kubeconfig(tmp_path, url)
        assert "something else than a list of nodes" in refused(tmp_path).message


def test_a_server_in_trouble_is_told_by_its_code(tmp_path: Path) -> None:
    with answering(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n") as url:
        write_kubeconfig(tmp_path, url)
        assert "answers HTTP 503" in refused(tmp_path).message


def test_no_kubeconfig_and_a_broken_one_are_two_things(tmp_path: Path) -> None:
    assert refused(tmp_path).fix == "kvx ansible"
    (tmp_path / "kubeconfig").write_text("- no kubeconfig")
    assert "cannot be used" in refused(tmp_path).message
