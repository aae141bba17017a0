"""An API server with the real controllers, a service that may impersonate, users with rights of their own.

There is no kubelet: a thread says of each pod what a kubelet would, and takes away what is deleted.
"""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import urllib3

from voice_api.cluster.access import Access
from voice_api.cluster.identity import Identity
from voice_api.cluster.kubernetes import cluster_from_kubeconfig
from voice_api.cluster.requests import Patience
from voice_api.cluster.reviews import Attempt
from voice_api.commands.audit import Audit
from voice_api.commands.confirmation.pending import Bound, Speaker, canonical, digest
from voice_api.commands.conversation.executor import Carried, Met, Order, Preview
from voice_api.commands.executing.executor import ClusterExecutor
from voice_api.commands.executing.outcome import Follow
from voice_api.commands.journal.file import Journal, last_records
from voice_api.commands.policy import User
from voice_api.commands.registry.builtin import BUILT_IN
from voice_api.commands.registry.declaring import Call, validated

Object = dict[str, Any]
CONTROLLERS = (
    "deployment,replicaset,statefulset,daemonset,job,disruption,garbagecollector,clusterrole-aggregation"
)
NOT_SHOWN = Preview(None)
PATIENT = Patience(60, 60, 60)
FOLLOW_SECONDS = 120.0
KEY = b"a key of the journal, for tests"
SERVICE_RULES = [
    {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get", "list"]},
    {
        "apiGroups": [""],
        "resources": ["users"],
        "verbs": ["impersonate"],
        "resourceNames": ["ann", "bob", "eve"],
    },
    {
        "apiGroups": [""],
        "resources": ["groups"],
        "verbs": ["impersonate"],
        "resourceNames": ["shop", "watchers"],
    },
]


@dataclass(frozen=True, slots=True)
class Operated:
    """The API server of these tests; `folder` of the test's own is for journals."""

    server: Any
    service: Path

    def apply(self, path: str, body: Mapping[str, Any]) -> Object:
        return dict(self.server.request("POST", path, body))

    def found(self, path: str) -> Object:
        return dict(self.server.request("GET", path))

    def access(self, kubeconfig: Path | None = None) -> Access:
        return Access(cluster_from_kubeconfig([kubeconfig or self.service], patience=PATIENT).connection)

    def deployment(self, space: str, name: str, replicas: int = 2, image: str = "example:1.0") -> Object:
        return self.apply(
            f"/apis/apps/v1/namespaces/{space}/deployments", workload("Deployment", name, replicas, image)
        )


@dataclass(frozen=True, slots=True)
class Session:
    """One user with an executor and a journal: what a conversation would do, one step after the other."""

    executor: ClusterExecutor
    journal: Journal
    folder: Path
    user: User
    said: list[str] = field(default_factory=list)

    def order(self, call: Call) -> Order:
        """The call asked about: looked at and previewed, and what an answer would be bound to."""
        met = self.executor.met(self.user, call)
        preview = self.executor.preview(self.user, call, met)
        assert preview.status == 200, preview
        self.said.append(preview.said)
        return self.ordered(call, met, preview)

    def ordered(self, call: Call, met: Met, preview: Preview = NOT_SHOWN) -> Order:
        """An order, whether a preview allowed it or not; its command is a new one each time."""
        speaker = Speaker(self.user.name, "session-1", "real", self.executor.cluster_uid())
        bound = Bound(
            speaker,
            call.function.name,
            canonical(call.values),
            "WRITE_SAFE",
            met.target,
            digest(preview.difference),
        )
        return Order(f"cmd_{uuid4().hex}", bound, "words", "grammar", "WRITE_SAFE")

    def done(self, call: Call) -> Carried:
        """Asked about, and agreed to."""
        return self.executor.carry_out(self.user, call, self.order(call))


def call(function: str, kind: str = "deployment", **values: Any) -> Call:
    made = validated(BUILT_IN, function, values)
    assert isinstance(made, Call), made
    return Call(made.function, made.arguments, {"node" if "node" in values else "name": kind})


def workload(kind: str, name: str, replicas: int, image: str) -> Object:
    labels = {"app": name}
    spec: Object = {
        "selector": {"matchLabels": labels},
        "template": {
            "metadata": {"labels": labels},
            "spec": {"containers": [{"name": "main", "image": image}]},
        },
    }
    if kind != "DaemonSet":
        spec["replicas"] = replicas
    if kind == "StatefulSet":
        spec |= {"serviceName": name, "podManagementPolicy": "Parallel"}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def eventually(true: Callable[[], bool], seconds: float = 120.0) -> None:
    """Wait until it is true, for two minutes at most."""
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, f"it did not become true in {seconds} seconds"
        time.sleep(0.05)


@pytest.fixture(scope="session")
def operated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operated]:
    """Of its own: on the shared server the controllers would give the objects of other tests pods."""
    kubernetes = sys.modules["kubernetes_component"]
    folder = tmp_path_factory.mktemp("operated")
    with (
        kubernetes.running_api_server(folder) as server,
        _controllers(server, kubernetes),
        _pods_that_run(server),
    ):
        certificate, key = server.issued("kvx-service", "20491231000000Z", "extendedKeyUsage=clientAuth")
        user = {"client-certificate": str(certificate), "client-key": str(key)}
        _rights(server)
        yield Operated(server, server.kubeconfig(user, name="service"))


@pytest.fixture
def space(operated: Operated, request: pytest.FixtureRequest) -> str:
    """A namespace of the test's own, for staging; ann may do everything in it, and bob may look."""
    name = f"shop-{abs(hash(request.node.name)) % 10**9}"
    labels = {"kvx.dev/environment": "staging"}
    operated.apply("/api/v1/namespaces", {"metadata": {"name": name, "labels": labels}})
    for group, role in (("shop", "admin"), ("watchers", "view")):
        bound(operated.server, group, role, name)
    ready_for(operated, name)
    return name


@pytest.fixture
def ann(operated: Operated, tmp_path: Path) -> Iterator[Session]:
    with session(operated.access(), tmp_path, User("ann", groups=("shop", "watchers"))) as opened:
        yield opened


@contextmanager
def session(
    access: Access, folder: Path, user: User, follow_seconds: float = FOLLOW_SECONDS
) -> Iterator[Session]:
    journal = Journal(folder / "journal", KEY)
    try:
        executor = ClusterExecutor(
            access, Audit(journal, last_records(folder / "journal", 1_000)), follow=Follow(follow_seconds)
        )
        yield Session(executor, journal, folder / "journal", user)
    finally:
        journal.close()


def ready_for(operated: Operated, space: str) -> None:
    """Wait until ann's rights in a namespace have reached the API server's own caches."""
    attempt = Attempt("patch", "apps", "deployments", "any", space, "scale")
    eventually(lambda: _as_ann(operated, attempt))


def _as_ann(operated: Operated, attempt: Attempt) -> bool:
    way = operated.access().of(Identity("ann", ("shop", "watchers")))
    return way.as_user and way.may(attempt)


def _rights(server: Any) -> None:
    cluster_role(server, "kvx-service", SERVICE_RULES)
    subject = {"kind": "User", "name": "kvx-service", "apiGroup": "rbac.authorization.k8s.io"}
    cluster_binding(server, "kvx-service", "kvx-service", subject)


def cluster_role(server: Any, name: str, rules: list[Object]) -> None:
    path = "/apis/rbac.authorization.k8s.io/v1/clusterroles"
    server.request("POST", path, {"metadata": {"name": name}, "rules": rules})


def cluster_binding(server: Any, name: str, role: str, subject: Mapping[str, str]) -> None:
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}
    body = {"metadata": {"name": name}, "roleRef": reference, "subjects": [subject]}
    server.request("POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", body)


def bound(server: Any, group: str, role: str, space: str) -> None:
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}
    subject = {"kind": "Group", "name": group, "apiGroup": "rbac.authorization.k8s.io"}
    body = {"metadata": {"name": group}, "roleRef": reference, "subjects": [subject]}
    server.request("POST", f"/apis/rbac.authorization.k8s.io/v1/namespaces/{space}/rolebindings", body)


@contextmanager
def _controllers(server: Any, kubernetes: Any) -> Iterator[None]:
    command = [
        str(kubernetes.binaries() / "kube-controller-manager"),
        f"--kubeconfig={server.kubeconfig(name='controllers')}",
        "--leader-elect=false",
        f"--controllers={CONTROLLERS}",
        "--bind-address=127.0.0.1",
        "--secure-port=0",
        "--concurrent-gc-syncs=2",
    ]
    log = server.folder / "controllers.log"
    with (
        log.open("wb") as out,
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out) as process,
    ):
        try:
            yield
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=5)
            process.kill()


@contextmanager
def _pods_that_run(server: Any) -> Iterator[None]:
    """What a kubelet would say: every pod runs, and one that is to go is gone."""
    over = threading.Event()

    def play() -> None:
        while not over.wait(0.1):
            pods: list[Object] = []
            with suppress(AssertionError, urllib3.exceptions.HTTPError):
                pods = server.request("GET", "/api/v1/pods")["items"]
            for pod in pods:
                with suppress(AssertionError, urllib3.exceptions.HTTPError):
                    _play(server, pod)

    thread = threading.Thread(target=play)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(timeout=30)


def _play(server: Any, pod: Mapping[str, Any]) -> None:
    metadata = pod["metadata"]
    path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"
    if metadata.get("deletionTimestamp"):
        server.request("DELETE", path, {"gracePeriodSeconds": 0})
    elif pod.get("status", {}).get("phase") == "Pending" and "never" not in json.dumps(
        pod["spec"]["containers"]
    ):
        ready = [{"type": kind, "status": "True"} for kind in ("Ready", "ContainersReady")]
        server.request("PATCH", f"{path}/status", {"status": {"phase": "Running", "conditions": ready}})
