"""Deployments of these tests: a folder with kvx.toml, and what came of it in the cluster."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from standing import Standing, end_namespace

from kvx.cluster.difference import Change
from kvx.commands.flags import deployment_from
from kvx.commands.phase import alone_of
from kvx.drivers import manifest_applying, rendering
from kvx.drivers.api_server import Api
from kvx.drivers.applying import difference
from kvx.steps.manifests import ApplyManifests, RenderManifests
from kvx.world import Outcome, World, real_world

DIGEST = "sha256:" + "ab" * 32
OTHER_DIGEST = "sha256:" + "cd" * 32
PROGRAM = Path(__file__).with_name("one_deploy.py")
SECONDS = 120
OURS = ("clusterroles", "clusterrolebindings")


class Server(Protocol):
    """tests/components/kubernetes."""

    url: str
    folder: Path
    authority: Path

    def kubeconfig(self, user: Mapping[str, object] | None = None, *, name: str = "real") -> Path: ...
    def request(self, method: str, path: str, body: Mapping[str, object] | None = None) -> dict[str, Any]: ...
    def audited(self, agent: str = "") -> list[dict[str, Any]]: ...


def empty(api: Api) -> None:
    for name in ("kvx", "elsewhere"):
        there = api.find({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        if there is not None:
            api.delete(f"/api/v1/namespaces/{name}")
            end_namespace(api, api.get(f"/api/v1/namespaces/{name}"))
    for plural in OURS:
        api.delete(f"/apis/rbac.authorization.k8s.io/v1/{plural}/kvx-voice-api-reader")
    api.delete("/apis/scheduling.k8s.io/v1/priorityclasses/kvx-voice-api")


@dataclass(frozen=True)
class Folder:
    """A folder with kvx.toml, of which kvx deploys to a cluster."""

    path: Path
    kubeconfig: Path

    def set(
        self,
        kubernetes: str = "",
        voice: str = "",
        digest: str = DIGEST,
        images: tuple[str, ...] = ("voice-api",),
    ) -> None:
        """Settings beside the kubeconfig, and the images that were proven last."""
        head = f'target = "cluster"\n[kubernetes]\nkubeconfig = "{self.kubeconfig}"\n'
        (self.path / "kvx.toml").write_text(f"{head}{kubernetes}\n[voice]\n{voice}\n")
        images = {
            name: {"reference": f"registry.example.com/acme/{name}:1@{digest}", "digest": digest,
                   "revision": "1234abcd", "platforms": {}}
            for name in images
        }  # fmt: skip
        kept = self.path / ".kvx/cluster/images.json"
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps({"schema": "kvx/images/v1", "images": images}))

    def steps(self) -> tuple[RenderManifests, ApplyManifests]:
        plan, _ = alone_of("kubernetes", deployment_from(self.path), chosen=True)
        render, apply = plan.steps
        assert isinstance(render, RenderManifests)
        assert isinstance(apply, ApplyManifests)
        return render, apply

    def apply(self, serving: Standing | None = None, world: World | None = None) -> Outcome:
        """In this process: rendered, and applied."""
        render, apply = self.steps()
        rendering.perform(render, real_world())
        return manifest_applying.perform(apply, world or real_world(), serving or Standing())

    def is_done(self) -> bool:
        return manifest_applying.is_done(self.steps()[1], real_world(), Standing())

    def objects(self) -> tuple[Mapping[str, Any], ...]:
        return rendering.rendered_objects(self.path / ".kvx/cluster")

    def changes(self, api: Api) -> tuple[Change, ...]:
        rendering.perform(self.steps()[0], real_world())
        return difference(api, self.objects())

    def started(self) -> "subprocess.Popen[str]":
        """As a process of its own."""
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL}
        return subprocess.Popen([sys.executable, PROGRAM, str(self.path)], text=True, **pipes)  # type: ignore[call-overload, no-any-return]

    def run(self) -> tuple[int, str, str]:
        process = self.started()
        output, talk = process.communicate(timeout=SECONDS)
        return process.returncode, output, talk


def names(objects: Sequence[Mapping[str, Any]]) -> set[str]:
    return {f"{each['kind']} {each['metadata']['name']}" for each in objects}


def writes(calls: Sequence[Mapping[str, Any]]) -> list[str]:
    """Of the audit log, what changed something."""
    reading = {"get", "list", "watch"}
    return [
        f"{each['verb']} {each['requestURI']}"
        for each in calls
        if each["verb"] not in reading
        and "dryRun=All" not in each["requestURI"]
        and "reviews" not in each["requestURI"]
    ]
