"""The cluster of a kubeconfig, asked through a real API server."""

import json
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import chain, repeat
from pathlib import Path
from threading import Event, Thread
from typing import Protocol
from urllib.parse import urlsplit

import pytest
import urllib3

from voice_api.cluster.choose import ClusterChoice, choose_cluster
from voice_api.cluster.kubernetes import KubernetesCluster, cluster_from_kubeconfig
from voice_api.cluster.protocol import Deployment, Namespace, Node, Pod
from voice_api.cluster.requests import Patience
from voice_api.commands.core import CommandCore
from voice_api.errors import VoiceApiError

pytestmark = pytest.mark.needs("kube-apiserver", "etcd", "openssl")

Object = dict[str, object]
GONE = b"HTTP/1.1 410 Gone\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
READY = {"type": "Ready", "status": "True"}
UNSCHEDULABLE = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}


class ApiServer(Protocol):
    """What tests/components/kubernetes/fixtures.py starts."""

    url: str
    folder: Path
    authority: Path
    client_authority: Path

    def issued(self, subject: str, end: str, extension: str) -> tuple[Path, Path]: ...
    def request(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Object: ...
    def kubeconfig(self, user: Mapping[str, object] | None = None, *, name: str = "real") -> Path: ...


@pytest.fixture(scope="module")
def filled(api_server: ApiServer) -> ApiServer:
    """The API server with two nodes, a namespace "shop" and what runs in it."""
    for name, status in (("edge-1", "True"), ("edge-2", "False")):
        api_server.request("POST", "/api/v1/nodes", {"metadata": {"name": name}})
        condition = {"type": "Ready", "status": status}
        api_server.request("PATCH", f"/api/v1/nodes/{name}/status", {"status": {"conditions": [condition]}})
    for name in ("shop", "empty"):
        api_server.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    add_deployment(api_server, "cart", replicas=2, ready=1)
    add_pod(api_server, "cart-5d9f-aaaaa", {"phase": "Running", "conditions": [READY]}, owner="cart-5d9f")
    add_pod(api_server, "cart-5d9f-bbbbb", waiting("CrashLoopBackOff", restarts=12), owner="cart-5d9f")
    add_pod(api_server, "lonely", {"phase": "Pending", "conditions": [UNSCHEDULABLE]})
    add_pod(api_server, "backup", {"phase": "Failed", "reason": "Evicted"})
    add_pod(api_server, "done", {"phase": "Succeeded", "conditions": [{"type": "Ready", "status": "False"}]})
    return api_server


@pytest.fixture
def cluster(filled: ApiServer) -> KubernetesCluster:
    return cluster_from_kubeconfig([filled.kubeconfig()])


def add_deployment(server: ApiServer, name: str, *, replicas: int, ready: int) -> None:
    labels = {"matchLabels": {"app": name}}
    template = {"metadata": {"labels": {"app": name}}, "spec": pod_spec()}
    path = "/apis/apps/v1/namespaces/shop/deployments"
    spec = {"replicas": replicas, "selector": labels, "template": template}
    server.request("POST", path, {"metadata": {"name": name}, "spec": spec})
    status = {"replicas": replicas, "readyReplicas": ready}
    server.request("PATCH", f"{path}/{name}/status", {"status": status})


def add_pod(
    server: ApiServer, name: str, status: Object, *, owner: str | None = None, namespace: str = "shop"
) -> None:
    metadata: Object = {"name": name}
    if owner:
        reference = {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "name": owner,
            "uid": "u",
            "controller": True,
        }
        metadata |= {
            "labels": {"pod-template-hash": owner.rpartition("-")[2]},
            "ownerReferences": [reference],
        }
    path = f"/api/v1/namespaces/{namespace}/pods"
    server.request("POST", path, {"metadata": metadata, "spec": pod_spec()})
    server.request("PATCH", f"{path}/{name}/status", {"status": status})


def pod_spec() -> Object:
    return {"containers": [{"name": "main", "image": "example"}]}


def waiting(reason: str, *, restarts: int) -> Object:
    container = {
        "name": "main",
        "image": "example",
        "imageID": "",
        "ready": False,
        "restartCount": restarts,
        "state": {"waiting": {"reason": reason}},
    }
    return {"phase": "Running", "containerStatuses": [container]}


def failure(cluster: KubernetesCluster) -> VoiceApiError:
    with pytest.raises(VoiceApiError) as caught:
        cluster.pods("shop")
    assert caught.value.fix
    return caught.value


def test_namespaces_and_nodes_are_those_of_the_server(cluster: KubernetesCluster) -> None:
    assert {Namespace("default"), Namespace("shop"), Namespace("kube-system")} <= set(cluster.namespaces())
    assert cluster.nodes() == (Node("edge-1", ready=True), Node("edge-2", ready=False))


def test_deployments_carry_how_many_are_wanted_and_ready(cluster: KubernetesCluster) -> None:
    assert cluster.deployments("shop") == (Deployment("shop", "cart", replicas=2, ready=1),)
    assert cluster.deployments(None) == cluster.deployments("shop")
    assert cluster.deployments("empty") == ()


def test_pods_carry_their_workload_and_why_they_are_not_ready(cluster: KubernetesCluster) -> None:
    assert cluster.pods("shop") == (
        Pod("shop", "backup", "backup", "Failed", ready=False, reason="Evicted", restarts=0),
        Pod("shop", "cart-5d9f-aaaaa", "cart", "Running", ready=True, reason=None, restarts=0),
        Pod(
            "shop", "cart-5d9f-bbbbb", "cart", "Running", ready=False, reason="CrashLoopBackOff", restarts=12
        ),
        Pod("shop", "done", "done", "Succeeded", ready=False, reason=None, restarts=0),
        Pod("shop", "lonely", "lonely", "Pending", ready=False, reason="Unschedulable", restarts=0),
    )


@pytest.mark.parametrize(
    ("said", "spoken"),
    [
        ("how many nodes are there", "There are two nodes, one not ready."),
        ("how many pods are in shop", "There are five pods in shop, three not ready and one finished."),
        ("how many pods are in empty", "There are no pods in empty."),
        ("list the deployments", "There is one deployment: cart."),
        (
            "which pods are not ready in the shop name space",
            "Three pods in shop are not ready: backup, evicted; cart, crash looping; lonely, no node for it.",
        ),
    ],
)
def test_a_real_cluster_is_spoken_about(cluster: KubernetesCluster, said: str, spoken: str) -> None:
    reply = CommandCore(cluster).answer(said)
    assert reply.reply == spoken
    assert reply.data["cluster"] == {"name": "real", "demo": False}
    assert "notice" not in reply.data


def test_a_long_list_is_fetched_page_by_page(filled: ApiServer) -> None:
    filled.request("POST", "/api/v1/namespaces", {"metadata": {"name": "many"}})
    names = [f"pod-{index:02}" for index in range(23)]
    for name in names:
        add_pod(filled, name, {"phase": "Pending"}, namespace="many")
    before = lists_served(filled)
    paged = cluster_from_kubeconfig([filled.kubeconfig()], patience=Patience(page_items=5))
    assert [pod.name for pod in paged.pods("many")] == names
    assert lists_served(filled) - before == 5


def lists_served(server: ApiServer) -> int:
    """How many lists of pods the server has answered, by its own count."""
    with urllib3.PoolManager(ca_certs=str(server.authority)) as pool:
        headers = {"Authorization": "Bearer admin-token"}
        text = pool.request("GET", f"{server.url}/metrics", headers=headers, timeout=60).data.decode()
    lines = [line for line in text.splitlines() if line.startswith("apiserver_request_total{")]
    wanted = [line for line in lines if 'resource="pods"' in line and 'verb="LIST"' in line]
    return sum(int(float(line.rpartition(" ")[2])) for line in wanted)


def test_a_user_without_rights_is_told_so(filled: ApiServer) -> None:
    cluster = cluster_from_kubeconfig([filled.kubeconfig({"token": "powerless-token"}, name="powerless")])
    error = failure(cluster)
    assert error.code == "cluster_forbidden"
    assert error.message == "The cluster powerless does not let me list its pods in shop."
    reply = CommandCore(cluster).answer("which pods are not ready")
    assert (reply.status, reply.reply) == ("ERROR", "The cluster powerless does not let me list its pods.")


def test_a_token_that_the_server_does_not_know_is_told_so(filled: ApiServer) -> None:
    cluster = cluster_from_kubeconfig([filled.kubeconfig({"token": "unknown"}, name="unknown")])
    assert failure(cluster).code == "cluster_unauthorised"


def test_a_client_certificate_works_until_it_expires(filled: ApiServer) -> None:
    valid = client_certificate(filled, "20490101000000Z")
    assert failure(cluster_from_kubeconfig([valid])).code == "cluster_forbidden"  # known, without rights
    expired = failure(cluster_from_kubeconfig([client_certificate(filled, "20240301000000Z")]))
    assert expired.code == "cluster_certificate_expired"
    assert "01 March 2024" in expired.message


def client_certificate(server: ApiServer, end: str) -> Path:
    """A kubeconfig whose user has a certificate of the server's client authority, valid until `end`."""
    certificate, key = server.issued("jo", end, "extendedKeyUsage=clientAuth")
    user = {"client-certificate": str(certificate), "client-key": str(key)}
    return server.kubeconfig(user, name="certificate")


def test_a_server_whose_certificate_has_expired_is_told(filled: ApiServer, tmp_path: Path) -> None:
    extension = "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth"
    certificate, key = filled.issued("server", "20240301000000Z", extension)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with answering(b"", tls=context) as port:
        path = altered(filled, tmp_path, "server", f"https://127.0.0.1:{port}")
        path = altered(filled, tmp_path, "certificate-authority", str(filled.client_authority), path)
        error = failure(cluster_from_kubeconfig([path]))
    assert error.code == "cluster_certificate_expired"
    assert error.message == "The certificate of the cluster real has expired."


def test_a_server_that_another_authority_vouches_for_is_not_trusted(
    filled: ApiServer, tmp_path: Path
) -> None:
    other = altered(filled, tmp_path, "certificate-authority", str(filled.client_authority))
    assert failure(cluster_from_kubeconfig([other])).code == "cluster_certificate_untrusted"


@pytest.mark.parametrize("content", ["", "no certificate at all"])
def test_an_authority_file_that_cannot_be_read_is_told(
    filled: ApiServer, tmp_path: Path, content: str
) -> None:
    (tmp_path / "ca").write_text(content)
    other = altered(filled, tmp_path, "certificate-authority", str(tmp_path / "ca"))
    assert failure(cluster_from_kubeconfig([other])).code == "cluster_certificate_untrusted"


def test_a_server_that_is_gone_is_told_at_once(filled: ApiServer, tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        gone = altered(filled, tmp_path, "server", f"https://127.0.0.1:{closed.getsockname()[1]}")
    patience = Patience(connect_seconds=300, read_seconds=300, list_seconds=300)
    started = time.monotonic()
    error = failure(cluster_from_kubeconfig([gone], patience=patience))
    assert time.monotonic() - started < 50
    assert (error.code, error.message) == ("cluster_unreachable", "The cluster real cannot be reached.")


def test_a_server_that_does_not_answer_is_told_within_the_time_out(filled: ApiServer, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        path = altered(filled, tmp_path, "server", f"http://127.0.0.1:{silent.getsockname()[1]}")
        patience = Patience(read_seconds=0.3, list_seconds=300)
        cluster = cluster_from_kubeconfig([path], patience=patience)
        started = time.monotonic()
        error = failure(cluster)
        assert 0.25 < time.monotonic() - started < 50
    assert error.code == "cluster_unreachable"
    assert "in time" in error.message


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "cluster_failed"),
        (b'HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{"items":[]}', "cluster_failed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n[{}]", "cluster_failed"),
        (b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", "cluster_failed"),
        (b"HTTP/1.1 429 Slow\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n", "cluster_failed"),
        (b"HTTP/1.1 302 Go\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", "cluster_failed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort", "cluster_unreachable"),
        (b"garbage\r\n\r\n", "cluster_unreachable"),
        (b"", "cluster_unreachable"),
    ],
)
def test_what_is_not_a_kubernetes_answer_is_told(
    filled: ApiServer, tmp_path: Path, answer: bytes, code: str
) -> None:
    with answering(answer) as port:
        path = altered(filled, tmp_path, "server", f"http://127.0.0.1:{port}")
        assert failure(cluster_from_kubeconfig([path])).code == code


def test_pages_without_end_stop_at_the_deadline(filled: ApiServer, tmp_path: Path) -> None:
    with answering(page("a", "again")) as port:
        path = altered(filled, tmp_path, "server", f"http://127.0.0.1:{port}")
        started = time.monotonic()
        error = failure(
            cluster_from_kubeconfig([path], patience=Patience(read_seconds=300, list_seconds=0.5))
        )
        assert time.monotonic() - started < 50
    assert error.code == "cluster_unreachable"


def test_a_list_that_the_server_forgot_is_begun_once_more(filled: ApiServer, tmp_path: Path) -> None:
    with answering(page("a", "next"), GONE, page("b", "next"), page("c")) as port:
        path = altered(filled, tmp_path, "server", f"http://127.0.0.1:{port}")
        assert cluster_from_kubeconfig([path]).namespaces() == (Namespace("b"), Namespace("c"))


def test_a_list_that_the_server_forgets_again_is_given_up(filled: ApiServer, tmp_path: Path) -> None:
    with answering(page("a", "next"), GONE, page("b", "next"), GONE) as port:
        path = altered(filled, tmp_path, "server", f"http://127.0.0.1:{port}")
        assert failure(cluster_from_kubeconfig([path])).code == "cluster_failed"


def test_a_login_program_that_never_ends_is_told_within_its_time(filled: ApiServer) -> None:
    started = time.monotonic()
    with pytest.raises(VoiceApiError) as caught:
        cluster_from_kubeconfig([login_by(filled, "sleep 60")], patience=Patience(login_seconds=0.3))
    assert time.monotonic() - started < 50
    assert caught.value.code == "cluster_login_too_slow"


def test_a_login_program_gives_the_token(filled: ApiServer) -> None:
    credential = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": "admin-token"},
    }
    cluster = cluster_from_kubeconfig([login_by(filled, f"echo '{json.dumps(credential)}'")])
    assert len(cluster.nodes()) == 2


def test_after_a_refused_token_the_login_program_is_asked_for_another(
    filled: ApiServer, tmp_path: Path
) -> None:
    credential = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": "withdrawn", "expirationTimestamp": "2020-01-01T00:00:00Z"},
    }
    given = tmp_path / "credential"
    given.write_text(json.dumps(credential))
    cluster = cluster_from_kubeconfig([login_by(filled, f"cat {given}")])
    assert failure(cluster).code == "cluster_unauthorised"
    given.write_text(json.dumps(credential).replace("withdrawn", "admin-token"))
    assert len(cluster.nodes()) == 2


def test_a_login_program_is_not_asked_again_for_every_request(filled: ApiServer, tmp_path: Path) -> None:
    credential = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": "admin-token", "expirationTimestamp": "2020-01-01T00:00:00Z"},
    }
    asked = tmp_path / "asked"
    script = f"echo asked >> {asked}; echo '{json.dumps(credential)}'"
    cluster = cluster_from_kubeconfig([login_by(filled, script)])
    for _ in range(5):
        assert len(cluster.nodes()) == 2
    assert len(asked.read_text().splitlines()) < 5


def login_by(server: ApiServer, script: str) -> Path:
    """A kubeconfig whose user logs in with a shell script."""
    version = "client.authentication.k8s.io/v1"
    program = {"apiVersion": version, "command": "sh", "args": ["-c", script], "interactiveMode": "Never"}
    return server.kubeconfig({"exec": program}, name="login")


def test_a_pod_asks_as_its_service_account(
    filled: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = urlsplit(filled.url)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", str(address.hostname))
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(address.port))
    (tmp_path / "ca.crt").write_bytes(filled.authority.read_bytes())
    (tmp_path / "token").write_text("admin-token")
    cluster = choose_cluster(ClusterChoice(service_account=tmp_path))
    assert cluster.description.name == "this cluster"
    assert len(cluster.nodes()) == 2


@contextmanager
def answering(*answers: bytes, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """A server that says the next of `answers` to each connection, in the end always the last; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.1)
        ended = Event()
        thread = Thread(target=_answer, args=(listening, answers, tls, ended))
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            ended.set()
            thread.join(timeout=60)


def _answer(
    listening: socket.socket, answers: tuple[bytes, ...], tls: ssl.SSLContext | None, ended: Event
) -> None:
    following = chain(answers, repeat(answers[-1]))
    while not ended.is_set():
        # The other side may hang up, or break off the handshake: that is what is tried here.
        with suppress(OSError):
            plain, _ = listening.accept()
            plain.settimeout(5)
            with tls.wrap_socket(plain, server_side=True) if tls else plain as connection:
                connection.recv(65_536)
                connection.sendall(next(following))


def page(name: str, following: str = "") -> bytes:
    """The answer with a list of one object, and where the list goes on."""
    item = {"metadata": {"name": name, "namespace": "shop"}}
    content = json.dumps({"items": [item], "metadata": {"continue": following}})
    return b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (
        len(content),
        content.encode(),
    )


def altered(server: ApiServer, folder: Path, key: str, value: str, source: Path | None = None) -> Path:
    """The server's kubeconfig, or `source`, with one field of its cluster changed."""
    content = json.loads((source or server.kubeconfig()).read_text())
    content["clusters"][0]["cluster"][key] = value
    path = folder / "kubeconfig"
    path.write_text(json.dumps(content))
    return path
