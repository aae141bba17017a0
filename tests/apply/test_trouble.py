"""What a person reads when the API server, the way to it, or the kubeconfig is in trouble."""

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from deployed import Folder, Server
from troubled import CUT, Answer, Call, Way

from kvx.cluster.refusals import ApiError
from kvx.drivers.api_server import Api, connect
from kvx.errors import ExitCode, KvxError
from kvx.world import real_world

pytestmark = pytest.mark.needs("kube-apiserver", "etcd", "kubectl")

ITEM = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "asked", "namespace": "default"},
    "data": {"a": "1"},
}
PATH = "/api/v1/namespaces/default/configmaps/asked"


@pytest.fixture
def over(way: Way, tmp_path: Path) -> Api:
    """The API over the way on which things go wrong."""
    return connect(kubeconfig(tmp_path, way.url), None, real_world())


def kubeconfig(folder: Path, url: str, **cluster: object) -> Path:
    content = {
        "clusters": [{"name": "c", "cluster": {"server": url, **cluster}}],
        "users": [{"name": "u", "user": {"token": "admin-token"}}],
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "here",
    }
    path = folder / "kubeconfig.json"
    path.write_text(json.dumps(content))
    return path


def status(code: int, reason: str = "", message: str = "no") -> bytes:
    return json.dumps({"kind": "Status", "code": code, "reason": reason, "message": message}).encode()


def first(times: int, what: Answer | str, asked: list[Call]) -> object:
    """The first so many calls for the object go wrong."""

    def meddle(call: Call) -> Answer | str | None:
        if "configmaps" not in call.path:
            return None
        asked.append(call)
        return what if len(asked) <= times else None

    return meddle


@pytest.mark.parametrize(
    "what",
    [Answer(429, status(429), (("Retry-After", "1"),)), Answer(500, status(500)), Answer(503, b"no"), CUT],
)
def test_what_passes_is_asked_again(way: Way, over: Api, what: Answer | str) -> None:
    asked: list[Call] = []
    way.meddle = first(2, what, asked)  # type: ignore[assignment]
    assert over.apply(ITEM, dry_run=True)["data"] == {"a": "1"}
    assert len(asked) == 3


@pytest.mark.parametrize(
    ("what", "said"),
    [
        (Answer(429, status(429)), "is too busy and asks to come back later (HTTP 429)"),
        (
            Answer(500, status(500, message="etcd is gone")),
            "answers HTTP 500 for ConfigMap asked: etcd is gone",
        ),
        (
            Answer(502, b"<html>"),
            "answers HTTP 502 for ConfigMap asked: <html> (which is not from Kubernetes)",
        ),
        (CUT, "broke off the connection"),
    ],
)
def test_what_does_not_pass_is_told_after_four_attempts(
    way: Way, over: Api, what: Answer | str, said: str
) -> None:
    asked: list[Call] = []
    way.meddle = first(99, what, asked)  # type: ignore[assignment]
    with pytest.raises(ApiError) as raised:
        over.apply(ITEM)
    assert said in raised.value.message
    assert raised.value.exit_code is ExitCode.FAILED
    assert "kubectl" in raised.value.fix
    assert len(asked) == 4


def test_a_server_that_wants_to_be_left_alone_for_longer_than_the_deadline_is_left_at_once(
    way: Way, tmp_path: Path
) -> None:
    way.meddle = first(99, Answer(429, status(429), (("Retry-After", "3600"),)), [])  # type: ignore[assignment]
    hasty = replace(real_world(), sleep=lambda _: pytest.fail("it waits"))
    with pytest.raises(ApiError, match="HTTP 429"):
        connect(kubeconfig(tmp_path, way.url), None, hasty).get(PATH, deadline_seconds=15)


def test_an_object_is_not_made_twice_where_the_answer_was_cut_off(way: Way, over: Api, api: Api) -> None:
    way.after = lambda call: "configmaps" not in call.path
    api.delete(PATH)
    with pytest.raises(ApiError, match="broke off the connection"):
        over.create(PATH.rpartition("/")[0], ITEM)
    assert sum(call.method == "POST" for call in way.calls) == 1
    api.delete(PATH)


def test_a_server_that_drips_is_left_at_the_deadline(way: Way, over: Api) -> None:
    way.meddle = first(99, Answer(200, b"{" + b" " * 500, dripping=True), [])  # type: ignore[assignment]
    began = time.monotonic()
    with pytest.raises(ApiError, match="did not answer within"):
        over.get(PATH, deadline_seconds=2)
    assert time.monotonic() - began < 50  # of 150


def test_a_server_that_is_silent_is_left_at_the_deadline(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        began = time.monotonic()
        with pytest.raises(ApiError, match="did not answer within 2 s"):
            connect(kubeconfig(tmp_path, url), None, real_world()).get("/version", deadline_seconds=2)
    assert time.monotonic() - began < 50


def test_a_server_that_is_not_there_is_said_so_with_what_to_type(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"https://127.0.0.1:{closed.getsockname()[1]}"
    with pytest.raises(ApiError, match=r"cannot be reached \(Connection refused\)") as raised:
        connect(kubeconfig(tmp_path, url), None, real_world(), attempts=1).get("/version")
    assert raised.value.exit_code is ExitCode.INCOMPLETE
    assert raised.value.fix.startswith("kubectl --kubeconfig ")


def test_a_wish_to_stop_ends_the_waiting(way: Way, tmp_path: Path) -> None:
    way.meddle = first(99, Answer(429, status(429), (("Retry-After", "15"),)), [])  # type: ignore[assignment]
    stopping = replace(real_world(), stop_requested=lambda: True)
    with pytest.raises(KvxError) as raised:
        connect(kubeconfig(tmp_path, way.url), None, stopping).apply(ITEM)
    assert raised.value.exit_code is ExitCode.INTERRUPTED


def test_a_user_without_rights_is_told_which_one_is_missing(server: Server, api: Api) -> None:
    powerless = connect(server.kubeconfig({"token": "powerless-token"}, name="powerless"), None, real_world())
    with pytest.raises(ApiError) as raised:
        powerless.apply(ITEM)
    assert (
        raised.value.message
        == "the user powerless may not patch configmaps in the namespace default (HTTP 403)"
    )
    assert "kubectl auth can-i patch configmaps --namespace default" in raised.value.fix
    assert raised.value.exit_code is ExitCode.MISSING


def test_a_service_account_without_rights_is_told_by_its_name(server: Server, api: Api) -> None:
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "poor", "namespace": "default"},
    }
    accounts = "/api/v1/namespaces/default/serviceaccounts"
    api.delete(f"{accounts}/poor")
    api.create(accounts, account)
    wish = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": None},
            "metadata": {"name": "poor"}}  # fmt: skip
    token = api.create(f"{accounts}/poor/token", wish)["status"]["token"]
    poor = connect(server.kubeconfig({"token": token}, name="poor"), None, real_world())
    with pytest.raises(
        ApiError, match="the user system:serviceaccount:default:poor may not patch configmaps"
    ):
        poor.apply(ITEM)
    api.delete(f"{accounts}/poor")


def test_a_user_that_nobody_knows_is_said_so(server: Server, api: Api) -> None:
    unknown = connect(server.kubeconfig({"token": "nobody"}, name="nobody"), None, real_world())
    with pytest.raises(ApiError, match="does not know the user of the kubeconfig") as raised:
        unknown.get("/api/v1/namespaces")
    assert raised.value.exit_code is ExitCode.MISSING


def test_a_users_certificate_that_has_expired_is_told_with_its_date(server: Server, api: Api) -> None:
    certificate, key = server.issued("ada", "20240601000000Z", "extendedKeyUsage=clientAuth")  # type: ignore[attr-defined]
    user = {"client-certificate": str(certificate), "client-key": str(key)}
    expired = connect(server.kubeconfig(user, name="expired"), None, real_world())
    with pytest.raises(ApiError, match="refuses the certificate of the kubeconfig: it expired on 2024-06-01"):
        expired.get("/api/v1/namespaces")


@contextmanager
def answering_with(certificate: Path, key: Path) -> Iterator[str]:
    """OpenSSL's own server, which shows that certificate."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    argv = ["openssl", "s_server", "-accept", str(port), "-cert", certificate, "-key", key, "-www", "-quiet"]
    process = subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with socket.socket() as asked:
                if asked.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield f"https://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    ("end", "said"),
    [("20240601000000Z", "has expired"), ("20490601000000Z", "is not the cluster's")],
)
def test_a_servers_certificate_is_told_apart_expired_or_of_another_server(
    server: Server, tmp_path: Path, end: str, said: str
) -> None:
    extension = "subjectAltName=IP:127.0.0.1" if said == "has expired" else "subjectAltName=DNS:elsewhere"
    certificate, key = server.issued("server", end, extension)  # type: ignore[attr-defined]
    authority = {"certificate-authority": str(server.client_authority)}  # type: ignore[attr-defined]
    with answering_with(certificate, key) as url, pytest.raises(ApiError) as raised:
        connect(kubeconfig(tmp_path, url, **authority), None, real_world(), attempts=1).get("/version")
    assert f"shows a certificate that {said}" in raised.value.message


def test_a_context_that_is_not_there_is_told_with_those_that_are(server: Server) -> None:
    with pytest.raises(KvxError, match="has no context elsewhere, only real") as raised:
        connect(server.kubeconfig(), "elsewhere", real_world())
    assert raised.value.exit_code is ExitCode.USAGE


def test_no_kubeconfig_is_told_with_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(KvxError, match=f"there is no kubeconfig at {tmp_path}/nowhere") as raised:
        connect(tmp_path / "nowhere", None, real_world())
    assert raised.value.exit_code is ExitCode.MISSING


@pytest.mark.parametrize("text", ["", "- a", "{", '{"clusters": 3}', '{"contexts": [{}]}'])
def test_a_broken_kubeconfig_is_told_in_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "broken"
    path.write_text(text)
    with pytest.raises(KvxError, match="cannot be used: ") as raised:
        connect(path, "here", real_world())
    assert "\n" not in raised.value.message
    assert raised.value.exit_code is ExitCode.USAGE


CHANGING = {
    "apiGroups": [""],
    "apiVersions": ["v1"],
    "operations": ["CREATE", "UPDATE"],
    "resources": ["configmaps"],
}


def webhook(url: str, policy: str = "Fail") -> dict[str, object]:
    match = {"matchLabels": {"kubernetes.io/metadata.name": "kvx"}}
    one = {"name": "gate.example.com", "clientConfig": {"url": url}, "rules": [CHANGING],
           "admissionReviewVersions": ["v1"], "failurePolicy": policy, "timeoutSeconds": 2,
           "sideEffects": "None", "namespaceSelector": match}  # fmt: skip
    return {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": "gate"}, "webhooks": [one]}  # fmt: skip


def until_taken_again(folder: Folder, api: Api) -> None:
    """A server goes by a gate for a moment after it was taken away."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            folder.changes(api)
        except KvxError:
            time.sleep(0.2)
        else:
            return


WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"


def test_a_webhook_that_does_not_work_is_named(folder: Folder, api: Api) -> None:
    folder.apply()
    folder.set(voice="threads = 2")
    api.create(WEBHOOKS, webhook("https://127.0.0.1:1/gate"))
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                folder.changes(api)
            except KvxError as error:
                raised = error
                break
            time.sleep(0.2)  # until the server has heard of it
    finally:
        api.delete(f"{WEBHOOKS}/gate")
        until_taken_again(folder, api)
    assert "the webhook gate.example.com, asked about ConfigMap" in raised.message
    assert "kubectl get validatingwebhookconfigurations" in raised.fix


POLICIES = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"


def test_a_policy_that_refuses_is_named_with_what_it_says(folder: Folder, api: Api) -> None:
    folder.apply()
    folder.set(voice="threads = 2")
    where = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kvx"}}}
    spec = {"failurePolicy": "Fail", "matchConstraints": {"resourceRules": [CHANGING], **where},
            "validations": [{"expression": "false", "message": "nothing new on Fridays"}]}  # fmt: skip
    kind = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": "fridays"}}
    api.create(POLICIES, {**kind, "kind": "ValidatingAdmissionPolicy", "spec": spec})
    binding = {"policyName": "fridays", "validationActions": ["Deny"]}
    bindings = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings"
    api.create(bindings, {**kind, "kind": "ValidatingAdmissionPolicyBinding", "spec": binding})
    raised = None
    try:
        deadline = time.monotonic() + 60
        while raised is None and time.monotonic() < deadline:
            try:
                folder.changes(api)
                time.sleep(0.2)  # until the server has heard of it
            except KvxError as error:
                raised = error
    finally:
        api.delete(f"{bindings}/fridays")
        api.delete(f"{POLICIES}/fridays")
        until_taken_again(folder, api)
    assert raised is not None
    assert "the policy fridays refuses ConfigMap voice-api-settings" in raised.message
    assert "nothing new on Fridays" in raised.message


def test_a_quota_that_is_used_up_is_told_by_its_name(folder: Folder, api: Api) -> None:
    folder.apply()
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "few", "namespace": "kvx"},
             "spec": {"hard": {"count/configmaps": "1"}}}  # fmt: skip
    path = "/api/v1/namespaces/kvx/resourcequotas"
    made = api.create(path, quota)
    used = {"hard": {"count/configmaps": "1"}, "used": {"count/configmaps": "1"}}
    api.replace(f"{path}/few/status", {**made, "status": used})  # as its controller would write
    folder.set(voice="threads = 2")
    raised = None
    deadline = time.monotonic() + 60
    while raised is None and time.monotonic() < deadline:
        try:
            folder.changes(api)
            time.sleep(0.2)  # until the server has heard of it
        except KvxError as error:
            raised = error
    assert raised is not None
    assert "is over the quota few: requested: count/configmaps=1, used: count/configmaps=1" in raised.message


def test_a_misspelt_field_is_told_and_not_asked_again(way: Way, over: Api) -> None:
    with pytest.raises(ApiError, match=r"ConfigMap asked is not valid: \.spec: field not declared in schema"):
        over.apply({**ITEM, "spec": {}})
    assert sum("asked" in call.path for call in way.calls) == 1


def test_a_kind_that_the_cluster_does_not_know_is_told_with_what_to_do(api: Api) -> None:
    with pytest.raises(ApiError, match="the cluster knows no VerticalPodAutoscaler") as raised:
        api.find(
            {
                "apiVersion": "autoscaling.k8s.io/v1",
                "kind": "VerticalPodAutoscaler",
                "metadata": {"name": "a"},
            }
        )
    assert raised.value.exit_code is ExitCode.MISSING
