"""One service, two real API servers: what is asked and done is where the conversation went, as the user."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from operated import PATIENT, Operated, Session, cluster_binding, cluster_role, eventually, session, workload
from served import served, voice_api

from voice_api.cluster.access import Access
from voice_api.cluster.identity import Identity
from voice_api.cluster.kubernetes import cluster_from_kubeconfig
from voice_api.cluster.reviews import Attempt
from voice_api.commands.confirmation.store import PendingsInMemory
from voice_api.commands.conversation.acting import Acting
from voice_api.commands.conversation.turn import Turn
from voice_api.commands.core import CommandCore
from voice_api.commands.policy import User
from voice_api.commands.registry.declaring import EVERYWHERE

pytestmark = pytest.mark.needs("kube-apiserver", "etcd", "openssl")
HARBOUR, MEADOW = "harbour", "meadow"
LABELLED, UNLABELLED = "depot", "attic"
OF_THESE_TESTS = "two-clusters"
SEES = {"apiGroups": ["", "apps", "batch"], "resources": ["*"], "verbs": ["get", "list", "watch"]}
SPEAKS = [
    {"apiGroups": [""], "resources": ["users"], "verbs": ["impersonate"], "resourceNames": ["mia"]},
    {"apiGroups": [""], "resources": ["groups"], "verbs": ["impersonate"], "resourceNames": ["gardeners"]},
]
CHANGES = {"apiGroups": ["apps"], "resources": ["*"], "verbs": ["patch", "update", "delete"]}
MIA = User("mia", frozenset({"operator"}), EVERYWHERE, groups=("gardeners",))


@dataclass(frozen=True, slots=True)
class Talking:
    """A service that knows both clusters, the key of mia, and the two API servers."""

    address: str
    key: str
    harbour: Any
    meadow: Any
    kubeconfig: Path

    def said(self, text: str, session: str, **more: str) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.key}"}
        body = {"text": text, "session": session, **more}
        answer = httpx.post(f"{self.address}/v1/commands", json=body, headers=headers, timeout=60)
        answer.raise_for_status()
        return dict(answer.json())

    def replicas(self) -> tuple[int, int]:
        """Of churn, in the harbour and in the meadow."""
        path = f"/apis/apps/v1/namespaces/{LABELLED}/deployments/churn"
        found = (server.request("GET", path) for server in (self.harbour, self.meadow))
        harbour, meadow = (int(each["spec"]["replicas"]) for each in found)
        return harbour, meadow


@pytest.fixture(scope="module")
def talking(
    operated: Operated, api_server: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Talking]:
    """The meadow has no controllers: nothing becomes ready there, and the service waits for it a second."""
    folder = tmp_path_factory.mktemp("two-clusters")
    harbour, meadow = operated.server, api_server
    for server, names in ((harbour, ("churn",)), (meadow, ("churn", "silo"))):
        _rights(server)
        _workloads(server, names)
    kubeconfig = _kubeconfig(folder, {HARBOUR: harbour, MEADOW: meadow})
    for name in (HARBOUR, MEADOW):
        eventually(lambda context=name: _may(kubeconfig, context))
    adding = ("user", "add", "mia", "--role", "operator", "--environment", "staging", "--group", "gardeners")
    key = subprocess.run(
        voice_api(folder, *adding), capture_output=True, text=True, timeout=60, check=True
    ).stdout
    more = ("--journal-folder", str(folder / "journal"), "--follow-seconds", "1")
    where = ("--kubeconfig", str(kubeconfig), "--cluster-environment", "staging")
    with served(folder, *more, *where) as service:
        yield Talking(service.address, key.strip(), harbour, meadow, kubeconfig)
    _gone(meadow, ("churn", "silo"))


def _rights(server: Any) -> None:
    """The service sees names and may be mia, who sees everything and changes deployments."""
    cluster_role(server, f"{OF_THESE_TESTS}-service", [SEES, *SPEAKS])
    cluster_role(server, f"{OF_THESE_TESTS}-gardeners", [SEES, CHANGES])
    group = "rbac.authorization.k8s.io"
    for role, kind, name in (("service", "User", "kvx-service"), ("gardeners", "Group", "gardeners")):
        subject = {"kind": kind, "name": name, "apiGroup": group}
        cluster_binding(server, f"{OF_THESE_TESTS}-{role}", f"{OF_THESE_TESTS}-{role}", subject)


def _workloads(server: Any, names: tuple[str, ...]) -> None:
    """In a namespace that is labelled as staging and in one that nothing is said of; the rest is the same."""
    for space, labels in ((LABELLED, {"kvx.dev/environment": "staging"}), (UNLABELLED, {})):
        server.request("POST", "/api/v1/namespaces", {"metadata": {"name": space, "labels": labels}})
        for name in names:
            path = f"/apis/apps/v1/namespaces/{space}/deployments"
            server.request("POST", path, workload("Deployment", name, 2, "example:1.0"))


def _kubeconfig(folder: Path, servers: dict[str, Any]) -> Path:
    """One file with a context for each, the first of them current; the service has a certificate of each."""
    clusters, users = [], []
    for name, server in servers.items():
        certificate, key = server.issued("kvx-service", "20491231000000Z", "extendedKeyUsage=clientAuth")
        address = {"server": server.url, "certificate-authority": str(server.authority)}
        clusters.append({"name": name, "cluster": address})
        users.append({"name": name, "user": {"client-certificate": str(certificate), "client-key": str(key)}})
    contexts = [{"name": name, "context": {"cluster": name, "user": name}} for name in servers]
    content = {
        "clusters": clusters,
        "users": users,
        "contexts": contexts,
        "current-context": next(iter(servers)),
    }
    file = folder / "kubeconfig"
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "Config", **content}))  # JSON is YAML
    return file


def _access(kubeconfig: Path, context: str) -> Access:
    return Access(cluster_from_kubeconfig([kubeconfig], context, PATIENT).connection)


def _may(kubeconfig: Path, context: str) -> bool:
    way = _access(kubeconfig, context).of(Identity(MIA.name, MIA.groups))
    return way.as_user and way.may(Attempt("patch", "apps", "deployments", "any", LABELLED, "scale"))


def _gone(server: Any, names: tuple[str, ...]) -> None:
    """Other tests share this server; a namespace would stay, for nothing here empties it."""
    for space in (LABELLED, UNLABELLED):
        for name in names:
            server.request("DELETE", f"/apis/apps/v1/namespaces/{space}/deployments/{name}")
    for kind in ("clusterrolebindings", "clusterroles"):
        for of in ("service", "gardeners"):
            path = f"/apis/rbac.authorization.k8s.io/v1/{kind}/{OF_THESE_TESTS}-{of}"
            server.request("DELETE", path)


def written(server: Any) -> list[str]:
    """Whoever changed churn there, through the service: each change once."""
    return [
        entry["impersonatedUser"]["username"]
        for entry in server.audited("kvx-voice-api cmd_")
        if f"/{LABELLED}/deployments/churn" in entry["requestURI"]
        and "dryRun" not in entry["requestURI"]
        and entry["verb"] == "patch"
    ]


def test_a_question_is_answered_by_the_cluster_that_was_gone_to(talking: Talking) -> None:
    def counted(session: str) -> tuple[str, str]:
        answer = talking.said("how many deployments are in depot", session)
        return answer["data"]["cluster"]["name"], answer["reply"].partition(" in depot")[0]

    assert counted("asking") == (HARBOUR, "There is one deployment")
    assert talking.said("describe silo in depot", "asking")["status"] == "NEEDS_CLARIFICATION"
    went = talking.said("switch to context meadow", "asking")
    assert (went["status"], went["reply"]) == ("SUCCESS", "Now in the cluster meadow.")
    assert counted("asking") == (MEADOW, "There are two deployments")
    assert talking.said("describe silo in depot", "asking")["status"] == "SUCCESS"
    assert counted("another conversation") == (HARBOUR, "There is one deployment")
    talking.said("switch to cluster harbour", "asking")
    assert counted("asking") == (HARBOUR, "There is one deployment")


def test_a_confirmed_change_is_made_where_the_conversation_is_and_nowhere_else(talking: Talking) -> None:
    before = talking.replicas()
    talking.said("switch to context meadow", "changing")
    asked = talking.said("scale churn to four in depot", "changing")
    assert asked["status"] == "REQUIRES_CONFIRMATION", asked
    assert asked["reply"].endswith(f"from {before[1]} to 4 replicas, in the cluster meadow?")
    assert talking.replicas() == before
    done = talking.said("yes", "changing")
    assert (done["status"], done["reply"]) == ("SUCCESS", "churn in depot has 0 of 4 replicas ready so far.")
    assert talking.replicas() == (before[0], 4)
    assert (written(talking.harbour), written(talking.meadow)) == ([], ["mia"])
    talking.said("switch to context harbour", "changing")
    assert "another one" in talking.said("undo that", "changing")["reply"]
    assert talking.replicas() == (before[0], 4)


def test_what_waits_for_a_yes_is_not_taken_along_into_another_cluster(talking: Talking) -> None:
    before = talking.replicas()
    asked = talking.said("scale churn to three in depot", "leaving")
    assert asked["reply"].endswith("in the cluster harbour?")
    pending = asked["data"]["confirmation"]["id"]
    talking.said("switch to context meadow", "leaving")
    refused = talking.said("yes", "leaving", confirm=pending)
    assert refused["data"]["error"]["code"] == "answer_other_context", refused
    assert talking.said("yes", "leaving")["status"] != "SUCCESS"
    talking.said("switch to context harbour", "leaving")
    assert talking.said("yes", "leaving", confirm=pending)["status"] != "SUCCESS"
    assert talking.said("yes", "leaving")["status"] != "SUCCESS"
    assert talking.replicas() == before


def test_that_the_first_cluster_is_harmless_says_nothing_of_another(talking: Talking) -> None:
    assert talking.said("describe churn in attic", "wandering")["status"] == "SUCCESS"
    assert talking.said("restart churn in attic", "wandering")["status"] == "REQUIRES_CONFIRMATION"
    talking.said("switch to context meadow", "wandering")
    for wish in ("describe churn in attic", "restart churn in attic"):
        refused = talking.said(wish, "wandering")
        assert refused["status"] == "PERMISSION_DENIED", refused
        assert refused["data"]["error"]["code"] == "policy_user_environment"
    assert talking.said("describe churn in depot", "wandering")["status"] == "SUCCESS"


def test_a_yes_that_another_replica_hears_in_another_cluster_changes_nothing(
    talking: Talking, tmp_path: Path
) -> None:
    """Replicas share what waits for an answer, and each knows for itself where a conversation is."""
    before, store = talking.replicas(), PendingsInMemory()
    with (
        session(_access(talking.kubeconfig, HARBOUR), tmp_path / HARBOUR, MIA, 0) as harbour,
        session(_access(talking.kubeconfig, MEADOW), tmp_path / MEADOW, MIA, 0) as meadow,
    ):
        one, another = (_replica(talking.kubeconfig, harbour, meadow, store) for _ in range(2))
        turn = Turn(MIA, "kitchen", command="cmd_9")
        one.answer("switch to context meadow", turn)
        asked = one.answer("scale churn to three in depot", turn)
        assert asked.reply.endswith("in the cluster meadow?")
        refused = another.answer("yes", turn)
        assert refused.data["error"]["code"] == "answer_other_context", refused
        assert one.answer("yes", turn).status == "SUCCESS"  # the question stands where it was asked
    assert talking.replicas() == (before[0], 3)


def _replica(kubeconfig: Path, harbour: Session, meadow: Session, store: PendingsInMemory) -> CommandCore:
    here, there = (cluster_from_kubeconfig([kubeconfig], name, PATIENT) for name in (HARBOUR, MEADOW))
    acting = Acting(harbour.executor, b"k" * 32, store, opens=lambda _: (there, meadow.executor))
    return CommandCore(here, parts=acting)
