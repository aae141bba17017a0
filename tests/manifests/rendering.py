"""Renders overlays as kvx will: with components on top, by kubectl."""

import json
import os
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

import yaml

from kvx.cluster.room import quota_with

ROOT = Path(__file__).parents[2]
K8S = ROOT / "k8s"
OVERLAYS = tuple(sorted(each.name for each in (K8S / "overlays").iterdir()))
COMPONENTS = tuple(sorted(each.name for each in (K8S / "components").iterdir()))
# Charts of others, which k3s installs.
ADD_ONS = ("cert-manager", "kube-prometheus-stack", "prometheus-adapter", "vertical-pod-autoscaler")
# Everything at once, beside what the overlays have; of the sizes and of arm64 only one can be meant.
EVERYTHING = (
    "autoscaling-queue",
    "vpa",
    "vpa-memory",
    "ingress",
    "traefik-timeouts",
    "monitoring",
    "voice-processor",
    "persistence",
    "postgres",
    "cloud-engine",
    "language-model",
    "speech-model",
    "cost-report",
    "cost-figures",
    "impersonation",
    "users",
    "identity-provider",
    "sentences",
    "arm-tuning",
    *ADD_ONS,
)
# Those that bring only kinds of Kubernetes itself, of which alone schemas and policies of others know.
OF_OTHERS = ("vpa", "vpa-memory", "traefik-timeouts", "monitoring", "cost-figures", *ADD_ONS)
BUILT_IN = tuple(each for each in EVERYTHING if each not in OF_OTHERS)
LOADED = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def rendered(folder: Path) -> str:
    """What kubectl makes of a kustomization; AssertionError with its words where it cannot."""
    argv = ["kubectl", "kustomize", str(folder)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def with_components(folder: Path, overlay: str, components: Iterable[str], **more: object) -> str:
    """An overlay with components, rendered by a kustomization that is written into the folder.

    The quota is added up as kvx does it.
    """
    components = tuple(components)

    def near(place: Path) -> str:
        return os.path.relpath(place, folder.resolve())

    content = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [near(K8S / "overlays" / overlay)],
        "components": [near(K8S / "components" / each) for each in components],
        **more,
    }
    size = next((each.removeprefix("size-") for each in components if each.startswith("size-")), "s")
    if added := quota_with(components, size):
        quota = [{"op": "add", "path": f"/spec/hard/{name}", "value": value} for name, value in added]
        patch = {"target": {"kind": "ResourceQuota"}, "patch": json.dumps(quota)}
        content["patches"] = [*cast("list[object]", more.get("patches", [])), patch]
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(content))
    return rendered(folder)


def objects(text: str) -> list[dict[str, Any]]:
    return [each for each in yaml.load_all(text, Loader=LOADED) if each]


def one(text: str, kind: str, name: str = "") -> dict[str, Any]:
    """The object of that kind and name; else the one whose name begins so, as those that end in a hash."""
    of_kind = [each for each in objects(text) if each["kind"] == kind]
    found = [each for each in of_kind if each["metadata"]["name"] == name]
    found = found or [each for each in of_kind if each["metadata"]["name"].startswith(name)]
    assert len(found) == 1, [each["metadata"]["name"] for each in found]
    return found[0]
