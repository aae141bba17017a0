"""A real API server takes every object, and refuses what quota, limits, pod security and rights forbid."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from types import ModuleType
from typing import Any

import pytest

from voice_api.cluster.kubernetes import cluster_from_kubeconfig

pytestmark = pytest.mark.needs("kube-apiserver", "kubectl", "definitions")
Kubectl = Callable[..., CompletedProcess[str]]
ACCOUNT = "system:serviceaccount:kvx:voice-api"
CLUSTER_WIDE = ("Namespace", "PriorityClass", "ClusterRole", "ClusterRoleBinding")


@pytest.fixture(scope="module")
def applied(kubectl: Kubectl, rendering: ModuleType) -> str:
    """The overlay, really applied, with the kinds of others, and what a quota's controller writes."""
    definitions = sys.modules["definitions_component"].folder()
    done = kubectl("apply", "--server-side", "-f", str(definitions))
    assert done.returncode == 0, done.stderr
    done = kubectl("wait", "--for=condition=established", "--timeout=120s", "crd", "--all")
    assert done.returncode == 0, done.stderr
    text = rendering.rendered(rendering.K8S / "overlays" / "hetzner")
    first = [each for each in rendering.objects(text) if each["kind"] == "Namespace"]
    for part in (json.dumps(first[0]), text):
        done = kubectl("apply", "--server-side", "--field-manager=kvx", "-f", "-", text=part)
        assert done.returncode == 0, done.stderr
    used(kubectl, {})
    return str(text)


def used(kubectl: Kubectl, amounts: dict[str, str]) -> None:
    """What the quota controller would write: nothing is used but `amounts`."""
    quota = json.loads(kubectl("get", "resourcequota", "voice-api", "-n", "kvx", "-o", "json").stdout)
    hard = quota["spec"]["hard"]
    status = {"status": {"hard": hard, "used": dict.fromkeys(hard, "0") | amounts}}
    arguments = ("patch", "resourcequota", "voice-api", "-n", "kvx", "--subresource=status", "--type=merge")
    done = kubectl(*arguments, "-p", json.dumps(status))
    assert done.returncode == 0, done.stderr


def pod_of(text: str, rendering: ModuleType) -> dict[str, Any]:
    """A pod as the Deployment makes it."""
    template = rendering.one(text, "Deployment")["spec"]["template"]
    metadata = {**template["metadata"], "name": "one", "namespace": "kvx"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}


def created(kubectl: Kubectl, item: dict[str, Any]) -> CompletedProcess[str]:
    arguments = ("create", "--dry-run=server", "-o", "json", "-f", "-")
    return kubectl(*arguments, text=json.dumps(item))


@pytest.mark.parametrize("size", [(), ("size-m",), ("size-l",)], ids=lambda size: "".join(size) or "size-s")
@pytest.mark.parametrize("overlay", ["cluster", "hetzner"])
def test_the_api_server_takes_every_object_of_every_overlay_with_every_component(
    overlay: str,
    size: tuple[str, ...],
    *,
    applied: str,
    kubectl: Kubectl,
    rendering: ModuleType,
    tmp_path: Path,
) -> None:
    text = rendering.with_components(tmp_path, overlay, (*rendering.EVERYTHING, *size, "public-api-server"))
    arguments = ("apply", "--server-side", "--force-conflicts", "--field-manager=kvx", "-f", "-")
    kubectl(*arguments, text=json.dumps(rendering.one(text, "ResourceQuota")))
    used(kubectl, {})
    done = kubectl(*arguments, "--dry-run=server", text=text)
    kubectl(*arguments, text=json.dumps(rendering.one(applied, "ResourceQuota")))
    used(kubectl, {})
    assert done.returncode == 0, done.stderr
    assert "unknown field" not in done.stderr
    assert len(done.stdout.splitlines()) == len(rendering.objects(text)) > 18


def test_the_definitions_of_others_refuse_what_is_wrong(
    applied: str, kubectl: Kubectl, rendering: ModuleType, tmp_path: Path
) -> None:
    text = rendering.with_components(tmp_path, "cluster", ("vpa", "monitoring"))
    scaler = rendering.one(text, "VerticalPodAutoscaler")
    scaler["spec"]["updatePolicy"]["updateMode"] = "Sometimes"
    assert "Unsupported value" in created(kubectl, scaler).stderr
    monitor = rendering.one(text, "ServiceMonitor")
    monitor["spec"]["endpoints"] = "metrics"
    assert created(kubectl, monitor).returncode != 0


def test_the_pod_of_the_deployment_is_let_in(applied: str, kubectl: Kubectl, rendering: ModuleType) -> None:
    done = created(kubectl, pod_of(applied, rendering))
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    assert json.loads(done.stdout)["spec"]["priority"] == 1000


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("hostNetwork", True, "host namespaces"),
        ("securityContext", {"runAsUser": 0}, "runAsNonRoot"),
        ("volumes", [{"name": "root", "hostPath": {"path": "/"}}], "hostPath"),
    ],
)
def test_a_pod_beyond_restricted_pod_security_is_refused(
    key: str, value: object, words: str, *, applied: str, kubectl: Kubectl, rendering: ModuleType
) -> None:
    pod = pod_of(applied, rendering)
    pod["spec"][key] = value
    pod["spec"]["containers"][0]["securityContext"].pop("runAsNonRoot")
    pod["spec"]["containers"][0]["volumeMounts"] = []
    done = created(kubectl, pod)
    assert 'violates PodSecurity "restricted:latest"' in done.stderr
    assert words in done.stderr


def test_a_pod_over_the_quota_is_refused(applied: str, kubectl: Kubectl, rendering: ModuleType) -> None:
    used(kubectl, {"limits.cpu": "1500m"})
    assert created(kubectl, pod_of(applied, rendering)).returncode == 0
    used(kubectl, {"limits.cpu": "1501m"})
    done = created(kubectl, pod_of(applied, rendering))
    used(kubectl, {})
    assert "exceeded quota: voice-api, requested: limits.cpu=500m, used: limits.cpu=1501m" in done.stderr


def test_a_container_over_the_limit_range_is_refused(
    applied: str, kubectl: Kubectl, rendering: ModuleType
) -> None:
    pod = pod_of(applied, rendering)
    pod["spec"]["containers"][0]["resources"]["limits"]["memory"] = "513Mi"
    assert "maximum memory usage per Container is 512Mi" in created(kubectl, pod).stderr


def test_a_container_that_says_nothing_gets_the_defaults(
    applied: str, kubectl: Kubectl, rendering: ModuleType
) -> None:
    pod = pod_of(applied, rendering)
    del pod["spec"]["containers"][0]["resources"]
    resources = json.loads(created(kubectl, pod).stdout)["spec"]["containers"][0]["resources"]
    assert resources["limits"] == {"cpu": "250m", "memory": "256Mi", "ephemeral-storage": "128Mi"}
    assert resources["requests"]["cpu"] == "50m"


def test_a_service_on_the_nodes_is_refused(applied: str, kubectl: Kubectl, rendering: ModuleType) -> None:
    service = rendering.one(applied, "Service")
    service["metadata"]["name"] = "open"
    service["spec"]["type"] = "NodePort"
    assert "services.nodeports" in created(kubectl, service).stderr


@pytest.mark.parametrize(
    ("verb", "resource", "may"),
    [
        *(("list", each, "yes") for each in ("pods", "nodes", "namespaces", "deployments.apps", "events")),
        *((verb, "pods", "yes") for verb in ("get", "watch")),
        ("get", "pods/log", "yes"),
        *((verb, "pods", "no") for verb in ("create", "delete", "patch")),
        *((verb, each, "no") for verb in ("list", "get", "watch") for each in ("secrets", "configmaps")),
        *((verb, "deployments.apps", "no") for verb in ("patch", "update", "delete")),
        ("impersonate", "users", "no"),
        ("create", "pods/exec", "no"),
    ],
)
def test_the_service_account_may_read_what_answers_are_made_of_and_change_nothing(
    verb: str, resource: str, may: str, applied: str, kubectl: Kubectl
) -> None:
    done = kubectl("auth", "can-i", verb, resource, "--as", ACCOUNT, "--all-namespaces")
    assert done.stdout.strip() == may


def test_the_rights_suffice_for_all_that_the_voice_api_asks(
    applied: str, kubectl: Kubectl, server: Any
) -> None:
    token = kubectl("create", "token", "voice-api", "-n", "kvx").stdout.strip()
    kubeconfig = server.kubeconfig({"token": token}, name="voice-api")
    cluster = cluster_from_kubeconfig([kubeconfig])
    assert "kvx" in {each.name for each in cluster.namespaces()}
    assert cluster.nodes() == ()
    assert cluster.pods(None) == cluster.pods("kvx") == ()
    assert [each.name for each in cluster.deployments("kvx")] == ["voice-api"]


def test_settings_named_by_their_content_cannot_be_changed(
    applied: str, kubectl: Kubectl, rendering: ModuleType
) -> None:
    name = rendering.one(applied, "ConfigMap")["metadata"]["name"]
    change = json.dumps({"data": {"KVX_VOICE_PORT": "1"}})
    done = kubectl("patch", "configmap", name, "-n", "kvx", "--type=merge", "-p", change)
    assert "field is immutable" in done.stderr
