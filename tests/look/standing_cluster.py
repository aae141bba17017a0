"""A voice API on a real API server: its objects, and what controllers would write down of them."""

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import yaml

from kvx.cluster.releases import Made, as_object, release_of
from kvx.drivers.api_server import connect
from kvx.world import real_world

ROOT = Path(__file__).parents[2]
SELF = "/api/v1/namespaces/kvx"
APPS = "/apis/apps/v1/namespaces/kvx/deployments"
SCALERS = "/apis/autoscaling/v2/namespaces/kvx/horizontalpodautoscalers"
ADVISERS = "/apis/autoscaling.k8s.io/v1/namespaces/kvx/verticalpodautoscalers"
IMAGE = "registry.example/voice-api@sha256:" + "ab" * 32
SETS = "/apis/apps/v1/namespaces/kvx/statefulsets"
DATABASE = {
    "apiVersion": "apps/v1",
    "kind": "StatefulSet",
    "metadata": {"name": "postgres", "namespace": "kvx"},
    "spec": {
        "serviceName": "postgres",
        "replicas": 1,
        "selector": {"matchLabels": {"app": "postgres"}},
        "template": {
            "metadata": {"labels": {"app": "postgres"}},
            "spec": {"containers": [{"name": "postgres", "image": "postgres"}]},
        },
    },
}
CLEANING = {
    "apiVersion": "batch/v1",
    "kind": "CronJob",
    "metadata": {"name": "cleaning", "namespace": "kvx"},
    "spec": {
        "schedule": "41 */6 * * *",
        "jobTemplate": {
            "spec": {
                "template": {
                    "spec": {
                        "restartPolicy": "Never",
                        "containers": [{"name": "cleaning", "image": "voice-processor"}],
                    }
                }
            }
        },
    },
}
STATUS: Mapping[str, Mapping[str, object]] = {
    "StatefulSet": {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 0},
    "CronJob": {
        "lastScheduleTime": "2026-11-21T18:41:00Z",
        "lastSuccessfulTime": "2026-11-21T12:41:09Z",
    },
}
READY = [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": "True"}]


class Server(Protocol):
    """tests/components/kubernetes."""

    url: str
    folder: Path

    def request(self, method: str, path: str, body: Mapping[str, object] | None = None) -> dict[str, Any]: ...
    def kubeconfig(self, user: Mapping[str, object] | None = None, *, name: str = "real") -> Path: ...
    def audited(self, agent: str = "") -> list[dict[str, Any]]: ...


@dataclass(frozen=True, slots=True)
class Standing:
    """The API server, the manifests that were applied, and a folder with a kvx.toml that leads to it."""

    server: Server
    kubeconfig: Path
    objects: tuple[dict[str, Any], ...]
    folder: Path

    def set_status(self, path: str, status: Mapping[str, object]) -> None:
        self.server.request("PATCH", f"{path}/status", {"status": status})

    def kubectl(self, *arguments: str, text: str | None = None) -> str:
        command = ["kubectl", "--kubeconfig", str(self.kubeconfig), *arguments]
        done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def among(self, folder: Path, **settings: object) -> Path:
        """A folder of its own, with more settings under [kubernetes]."""
        known = {"kubeconfig": str(self.kubeconfig), **settings}
        rows = [f"{key} = {value!r}" for key, value in known.items()]
        (folder / "kvx.toml").write_text("[kubernetes]\n" + "\n".join(rows).replace("'", '"') + "\n")
        return folder


def apply(standing: Standing, objects: tuple[dict[str, Any], ...]) -> None:
    """Server-side, under kvx's name, what others need first."""
    api = connect(standing.kubeconfig, None, real_world())
    first = [each for each in objects if each["kind"] in {"Namespace", "PriorityClass"}]
    for each in (*first, *(each for each in objects if each not in first)):
        api.apply(each)


def rendered(folder: Path, overlay: Path, component: Path) -> tuple[dict[str, Any], ...]:
    name, _, digest = IMAGE.partition("@")
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [os.path.relpath(overlay, folder.resolve())],
        "components": [os.path.relpath(component, folder.resolve())],
        "images": [{"name": "kvx.invalid/voice-api", "newName": name, "digest": digest}],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    rendering = ["kubectl", "kustomize", str(folder)]
    done = subprocess.run(rendering, check=True, capture_output=True, text=True, timeout=60)
    return tuple(each for each in yaml.safe_load_all(done.stdout) if each)


def serve(standing: Standing) -> None:
    """What kubelet and controllers would write down; the API server takes it as it takes theirs."""
    request = standing.server.request
    at_once = {"gracePeriodSeconds": 0, "propagationPolicy": "Background"}
    for path in (f"{SELF}/pods", "/api/v1/nodes", f"{SELF}/events", APPS, f"{SELF}/services"):
        request("DELETE", path, at_once)
    request("DELETE", f"{SELF}/configmaps?labelSelector=kvx/release")
    apply(standing, standing.objects)
    for name, architecture in (("edge-control-plane-1", "arm64"), ("edge-workers-1", "amd64")):
        make_node(standing, name, architecture)
    template = next(each for each in standing.objects if each["kind"] == "Deployment")["spec"]["template"]
    for number in (1, 2):
        make_pod(standing, f"voice-api-{number}", template)
        standing.set_status(f"{SELF}/pods/voice-api-{number}", ready_pod())
    deployment = standing.server.request("GET", f"{APPS}/voice-api")
    counts = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), 2)
    standing.server.request("PATCH", f"{APPS}/voice-api", {"spec": {"replicas": 2}})
    seen = deployment["metadata"]["generation"] + 1
    standing.set_status(f"{APPS}/voice-api", {"observedGeneration": seen, **counts, "conditions": None})
    standing.set_status(f"{SCALERS}/voice-api", scaler())
    standing.set_status(f"{SELF}/resourcequotas/voice-api", QUOTA)
    standing.set_status(f"{ADVISERS}/voice-api", ADVICE)
    made = Made("0123456789abcdef", "ada@example", 1_795_000_000.0, "0.1.0")
    release = as_object(release_of(1, standing.objects, made), "kvx")
    standing.server.request("POST", f"{SELF}/configmaps", release)


@contextmanager
def released(standing: Standing, *more: dict[str, Any]) -> Iterator[None]:
    """A second release, with more objects; their controllers have looked at them."""
    api = connect(standing.kubeconfig, None, real_world())
    made = Made("0123456789abcdef", "ada@example", 1_795_000_000.0, "0.1.0")
    objects = (*standing.objects, *more)
    standing.server.request("POST", f"{SELF}/configmaps", as_object(release_of(2, objects, made), "kvx"))
    for each in more:
        api.apply({key: value for key, value in each.items() if key != "status"})
        standing.set_status(api.path_of(each), STATUS[each["kind"]])
    try:
        yield
    finally:
        for each in more:
            api.delete(api.path_of(each))


def make_node(standing: Standing, name: str, architecture: str) -> None:
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}}
    standing.server.request("POST", "/api/v1/nodes", node)
    information = {"architecture": architecture, "kubeletVersion": "v1.34.2"}
    rest = ("bootID", "containerRuntimeVersion", "kernelVersion", "kubeProxyVersion", "machineID")
    rest += ("operatingSystem", "osImage", "systemUUID")
    status = {
        "conditions": [{"type": "Ready", "status": "True"}],
        "nodeInfo": dict.fromkeys(rest, "") | information,
    }
    standing.set_status(f"/api/v1/nodes/{name}", status)


def make_pod(standing: Standing, name: str, template: Mapping[str, Any]) -> None:
    labels = template["metadata"]["labels"]
    spec = {**template["spec"], "nodeName": "edge-workers-1"}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": labels},
        "spec": {key: value for key, value in spec.items() if key != "topologySpreadConstraints"},
    }
    standing.server.request("POST", f"{SELF}/pods", pod)


def ready_pod() -> dict[str, object]:
    """The status of a pod that serves."""
    container = {"name": "voice-api", "image": IMAGE, "imageID": IMAGE, "ready": True, "restartCount": 0}
    running = {"state": {"running": {}}, "started": True}
    return {"phase": "Running", "conditions": READY, "containerStatuses": [{**container, **running}]}


def pulling_pod() -> dict[str, object]:
    """The status of a pod whose image nobody has."""
    said = 'rpc error: code = NotFound desc = failed to pull and unpack image "x": not found'
    waiting = {"waiting": {"reason": "ImagePullBackOff", "message": said}}
    container = {"name": "voice-api", "image": IMAGE, "imageID": "", "ready": False, "restartCount": 0}
    unready = [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": "False"}]
    status = {**container, "state": waiting, "started": False}
    return {"phase": "Pending", "conditions": unready, "containerStatuses": [status]}


def scaler(replicas: int = 2, **wrong: str) -> dict[str, object]:
    """The status of an autoscaler; `wrong` is the reason and message of a condition that does not hold."""
    fine = {"type": "ScalingActive", "status": "True", "lastTransitionTime": None}
    current = {"averageUtilization": 35, "averageValue": "35m"}
    return {
        "currentReplicas": replicas,
        "desiredReplicas": replicas,
        "conditions": [{**fine, "status": "False", **wrong} if wrong else fine],
        "currentMetrics": [{"type": "Resource", "resource": {"name": "cpu", "current": current}}],
    }


QUOTA = {
    "hard": {"limits.cpu": "2", "limits.memory": "4Gi", "pods": "10", "services.nodeports": "0"},
    "used": {"limits.cpu": "1", "limits.memory": "1Gi", "pods": "2", "services.nodeports": "0"},
}
ADVICE = {
    "recommendation": {
        "containerRecommendations": [
            {
                "containerName": "voice-api",
                "lowerBound": {"cpu": "150m", "memory": "100Mi"},
                "target": {"cpu": "250m", "memory": "130Mi"},
                "upperBound": {"cpu": "400m", "memory": "300Mi"},
            }
        ]
    }
}
