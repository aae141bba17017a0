"""The service as it is started, with users, on a real API server: over HTTP and with kvx's own words."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from operated import Operated, bound, cluster_binding, cluster_role, ready_for
from served import served, voice_api

pytestmark = pytest.mark.needs("kube-apiserver", "etcd", "openssl")
PATH = "/apis/apps/v1/namespaces/dairy/deployments/churn"
SEES = {"apiGroups": ["", "apps", "batch"], "resources": ["*"], "verbs": ["get", "list", "watch"]}


@dataclass(frozen=True, slots=True)
class Running:
    """A service, the folder of its files, and the key of ann."""

    address: str
    metrics: str
    folder: Path
    key: str

    def said(self, text: str, key: str | None = None, **more: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.key if key is None else key}"}
        body = {"text": text, "session": "desk", **more}
        return httpx.post(f"{self.address}/v1/commands", json=body, headers=headers, timeout=60)


@pytest.fixture(scope="module")
def running(operated: Operated, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("service")
    labels = {"kvx.dev/environment": "staging"}
    operated.apply("/api/v1/namespaces", {"metadata": {"name": "dairy", "labels": labels}})
    bound(operated.server, "shop", "admin", "dairy")
    cluster_role(operated.server, "service-sees", [SEES])
    subject = {"kind": "User", "name": "kvx-service", "apiGroup": "rbac.authorization.k8s.io"}
    cluster_binding(operated.server, "service-sees", "service-sees", subject)
    ready_for(operated, "dairy")
    operated.deployment("dairy", "churn", 2)
    adding = ("user", "add", "ann", "--role", "operator", "--environment", "staging", "--group", "shop")
    key = subprocess.run(
        voice_api(folder, *adding), capture_output=True, text=True, timeout=60, check=True
    ).stdout
    more = ("--kubeconfig", str(operated.service), "--journal-folder", str(folder / "journal"))
    with served(folder, *more, "--follow-seconds", "30") as service:
        yield Running(service.address, service.metrics, folder, key.strip())


def replicas(operated: Operated) -> int:
    return int(operated.found(PATH)["spec"]["replicas"])


def test_a_change_over_http_is_asked_about_and_done_as_the_user(operated: Operated, running: Running) -> None:
    asked = running.said("scale the churn to four replicas in dairy").json()
    assert asked["status"] == "REQUIRES_CONFIRMATION", asked
    assert replicas(operated) == 2
    pending = asked["data"]["confirmation"]["id"]
    done = running.said("yes", confirm=pending).json()
    assert (done["status"], done["reply"]) == ("SUCCESS", "churn in dairy has 4 of 4 replicas ready.")
    assert replicas(operated) == 4
    assert running.said("yes", confirm=pending).json()["status"] != "SUCCESS"
    written = [
        entry
        for entry in operated.server.audited("kvx-voice-api cmd_")
        if "/dairy/" in entry["requestURI"] and "dryRun" not in entry["requestURI"]
    ]
    assert {entry["impersonatedUser"]["username"] for entry in written} == {"ann"}


@pytest.mark.parametrize("key", ["guessed", "kvx_000000000000_" + "a" * 43, "eyJhbGciOiJub25lIn0.e30."])
def test_who_is_not_known_is_told_so_and_nothing_else(running: Running, key: str) -> None:
    answer = running.said("how many pods are there", key)
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "not_authenticated"


def test_what_was_said_is_in_the_journal_and_its_key_nowhere(operated: Operated, running: Running) -> None:
    running.said("delete the pod churn in kube system")
    asked = running.said("scale the churn to zero replicas in dairy").json()
    assert asked["data"]["confirmation"]["needs"] == "name_or_code"
    running.said("yes", confirm="f" * 32)
    verified = subprocess.run(
        voice_api(running.folder, "audit", "verify", "--journal-folder", str(running.folder / "journal")),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert verified.returncode == 0, verified.stderr
    files = [file for file in running.folder.rglob("*") if file.is_file()]
    secret = running.key.rpartition("_")[2]
    assert not [file for file in files if secret in file.read_text(errors="replace")]
    assert secret not in httpx.get(running.metrics, timeout=60).text
    assert "kvx_voice_security_events_total" in httpx.get(running.metrics, timeout=60).text
