"""The builder in the cluster, as far as a real API server and buildx's driver tell: no node runs its pod."""

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "components" / "images"))

from workshop import tools

from kvx.drivers import cluster_builder
from kvx.drivers.api_server import Api, connect
from kvx.drivers.builders import builders, chosen
from kvx.errors import ExitCode, KvxError
from kvx.images.cluster_builder import NAME, NAMESPACE
from kvx.steps.images import BuildImages, ImagesWanted
from kvx.steps.manifests import Where
from kvx.world import real_world

pytestmark = [pytest.mark.needs("kube-apiserver", "images", "docker"), pytest.mark.timeout(300)]
DEPLOYMENT = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{NAME}0"
IMAGE = "registry.example.com/buildkit:rootless"
SECONDS = 120.0


@pytest.fixture
def step(api_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BuildImages:
    """Of somebody whose buildx knows no builder yet."""
    monkeypatch.setenv("BUILDX_CONFIG", str(tmp_path / "buildx"))
    monkeypatch.setenv("DOCKER_CONFIG", str(tools() / "docker"))
    wanted = ImagesWanted("localhost:1/a", ("linux/arm64",), 1, builder="kubernetes", builder_pod_image=IMAGE)
    return BuildImages(tmp_path, tmp_path, wanted, where=Where(api_server.kubeconfig()))


@pytest.fixture
def api(api_server: Any) -> Api:
    return connect(api_server.kubeconfig(), None, real_world())


@pytest.fixture
def begun(step: BuildImages, api: Api) -> Iterator[dict[str, Any]]:
    """The Deployment that buildx makes when the builder is used first; buildx waits for its pod in vain."""
    assert cluster_builder.made(step, real_world()) == NAME
    words = ["docker", "buildx", "inspect", "--bootstrap", NAME]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as waiting:
        try:
            yield until_there(api)
        finally:
            waiting.kill()
            waiting.wait()
            api.delete(DEPLOYMENT)


def until_there(api: Api) -> dict[str, Any]:
    end = time.monotonic() + SECONDS
    name = {"name": f"{NAME}0", "namespace": NAMESPACE}
    named = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": name}
    while (found := api.find(named)) is None:
        assert time.monotonic() < end
        time.sleep(0.2)
    return found


def pod_in(namespace: str, deployment: dict[str, Any]) -> dict[str, Any]:
    """What the controllers would make of it, but for the account, which is its namespace's."""
    spec = {**deployment["spec"]["template"]["spec"], "serviceAccountName": "builder"}
    name = {"name": "builder", "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": name, "spec": spec}


def test_buildx_starts_it_rootless_with_limits_and_where_nobody_comes_in(
    begun: dict[str, Any], api: Api
) -> None:
    pod = begun["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["image"] == IMAGE
    assert "privileged" not in container["securityContext"]
    assert container["resources"]["limits"] == {"cpu": "2", "memory": "2Gi"}
    assert pod["serviceAccountName"] == "builder"
    path = f"/apis/networking.k8s.io/v1/namespaces/{NAMESPACE}/networkpolicies/nobody-comes-in"
    assert api.get(path)["spec"] == {"podSelector": {}, "policyTypes": ["Ingress"]}


def test_its_pod_is_let_in_there_and_not_beside_what_serves(begun: dict[str, Any], api: Api) -> None:
    api.apply(pod_in(NAMESPACE, begun), dry_run=True)
    labels = {"pod-security.kubernetes.io/enforce": "baseline"}
    beside = {"name": "kvx-beside-builder", "labels": labels}
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": beside})
    account = {"name": "builder", "namespace": beside["name"]}
    api.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account})
    with pytest.raises(KvxError, match="seccompProfile"):
        api.apply(pod_in("kvx-beside-builder", begun), dry_run=True)


def test_a_second_build_finds_it(step: BuildImages) -> None:
    world = real_world()
    assert cluster_builder.made(step, world) == cluster_builder.made(step, world) == NAME
    found = chosen(NAME, builders(world))
    assert found is not None
    assert found.driver == "kubernetes"


def test_a_context_that_buildx_would_not_follow_is_refused(step: BuildImages) -> None:
    other = replace(step, where=replace(step.where, context="other"))
    with pytest.raises(KvxError, match=r"kubernetes\.context is other") as raised:
        cluster_builder.made(other, real_world())
    assert raised.value.exit_code is ExitCode.USAGE
    assert raised.value.fix.startswith("kubectl config use-context other")
