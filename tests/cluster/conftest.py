"""The shipped manifests on a real node, and pods from which their Service is asked."""

import importlib.util
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
K8S = HERE.parents[1] / "k8s"
NAMESPACE = "kvx"
ROLLOUT_SECONDS = 170
LEAST_REPLICAS = 2

sys.path.insert(0, str(HERE))

_spec = importlib.util.spec_from_file_location("pods_that_ask", HERE / "pods_that_ask.py")
assert _spec is not None
assert _spec.loader is not None
pods_that_ask = sys.modules["pods_that_ask"] = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(pods_that_ask)


def manifests(folder: Path, image: str) -> str:
    """overlays/cluster with the advice of the Vertical Pod Autoscaler, and the image that is on the node.

    One thing differs from what is shipped: fewer replicas after 15 s of rest, not after five minutes.
    """
    name, digest = image.split("@")
    soon = {"stabilizationWindowSeconds": 15, "policies": [{"type": "Pods", "value": 1, "periodSeconds": 15}]}
    patch = [{"op": "replace", "path": "/spec/behavior/scaleDown", "value": soon}]
    content = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [_near(folder, K8S / "overlays" / "cluster")],
        "components": [_near(folder, K8S / "components" / "vpa")],
        "images": [{"name": "kvx.invalid/voice-api", "newName": name, "digest": digest}],
        "patches": [{"target": {"kind": "HorizontalPodAutoscaler"}, "patch": json.dumps(patch)}],
    }
    (folder / "kustomization.yaml").write_text(json.dumps(content))  # JSON is YAML
    return str(folder)


def _near(folder: Path, place: Path) -> str:
    return os.path.relpath(place, folder.resolve())


@pytest.fixture(scope="module")
def served(node: Any, voice_api_image: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The node, with what is shipped applied and served; quick where it is already."""
    folder = manifests(tmp_path_factory.mktemp("manifests"), voice_api_image)
    node.kubectl("apply", "--server-side", "-f", str(K8S / "base" / "voice-api" / "namespace.yaml"))
    node.kubectl("apply", "--server-side", "--force-conflicts", "-k", folder)
    await_rollout(node)
    return node


def await_rollout(node: Any) -> None:
    """Also until the autoscaler has made two of the one that a Deployment begins with."""
    wait = ("rollout", "status", "deployment/voice-api", f"--timeout={ROLLOUT_SECONDS}s")
    end = time.monotonic() + ROLLOUT_SECONDS
    ready = 0
    while ready < LEAST_REPLICAS:
        assert time.monotonic() < end, f"{ready} replicas are ready"
        node.kubectl("-n", NAMESPACE, *wait, seconds=ROLLOUT_SECONDS + 10)
        status = json.loads(node.kubectl("-n", NAMESPACE, "get", "deployment", "voice-api", "-o", "json"))[
            "status"
        ]
        ready = status.get("readyReplicas", 0)
        time.sleep(0.5)


@pytest.fixture(scope="session")
def emptied(node: Any) -> Callable[[], Any]:
    """Takes from the node what kvx puts there, also what lies in no namespace."""

    def empty() -> Any:
        node.kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", seconds=200)
        for kind in ("clusterrole", "clusterrolebinding", "priorityclass"):
            node.kubectl("delete", kind, "-l", "app.kubernetes.io/part-of=kvx", "--ignore-not-found")
        return node

    return empty


@pytest.fixture
def nothing_deployed(emptied: Callable[[], Any]) -> Any:
    """The node without what kvx puts there, for those who begin from nothing."""
    return emptied()


@pytest.fixture(scope="session")
def asking(node: Any, voice_api_image: str) -> Any:
    """Pods in namespaces of their own: that of `client` is labelled as a client's."""
    return pods_that_ask.stood(node, voice_api_image)
