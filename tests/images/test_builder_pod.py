"""The builder in the cluster: BuildKit without root builds in a pod of a real node, and kvx proves it."""

import json
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "components" / "images"))

from small_source import working
from workshop import tools

from kvx.drivers import image_building, image_proving
from kvx.drivers.blobs import opened
from kvx.images.cluster_builder import NAME, NAMESPACE
from kvx.images.documents import Platform, read_index, read_manifest
from kvx.images.reference import LOCAL, Reference
from kvx.steps.images import BuildImages, ImagesWanted, ProveImages
from kvx.steps.manifests import Where
from kvx.world import real_world

pytestmark = [pytest.mark.needs("node", "images", "kubectl", "docker", "git"), pytest.mark.timeout(900)]
BOTH = ("linux/amd64", "linux/arm64")


@pytest.fixture
def step(node: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BuildImages]:
    """Of somebody whose buildx knows no builder yet; afterwards their cluster has none."""
    monkeypatch.setenv("BUILDX_CONFIG", str(tmp_path / "buildx"))
    monkeypatch.setenv("DOCKER_CONFIG", str(tools() / "docker"))
    source, archive = working(tmp_path / "source")
    image = node.take_image(archive, "localhost/buildkit")
    wanted = ImagesWanted(LOCAL, BOTH, 1_000_000, builder="kubernetes", builder_pod_image=image)
    yield BuildImages(tmp_path / "cluster", source, wanted, 600, Where(node.kubeconfig))
    subprocess.run(["docker", "buildx", "rm", NAME], check=True, capture_output=True, timeout=120)
    node.kubectl("delete", "namespace", NAMESPACE, "--wait=false")


def file_in(folder: Path, image: Reference, name: str) -> bytes:
    """A file of the image for amd64."""
    with closing(opened(image, folder, real_world())) as blobs:
        index = read_index(blobs.manifest(image.wanted)[1])
        assert index is not None
        digest = index.images[Platform("linux", "amd64")].digest
        for layer in read_manifest(blobs.manifest(digest)[1]).layers:
            with blobs.layer(layer) as content, tarfile.open(fileobj=content, mode="r|*") as files:
                for member in files:
                    if member.name == name:
                        found = files.extractfile(member)
                        return found.read() if found else b""
    raise AssertionError(name)


def test_a_pod_without_root_builds_and_kvx_proves_what_it_built(step: BuildImages, node: Any) -> None:
    world = real_world()
    image_building.perform(step, world)
    built = image_building.built(step.folder)["voice-api"]
    image_proving.perform(ProveImages(step.folder, step.wanted), world)
    assert file_in(step.folder, built, "opt/worked") == b"0\n"  # root in its own namespace alone
    assert image_building.is_done(step, world)
    (pod,) = json.loads(node.kubectl("get", "pods", "-n", NAMESPACE, "-o", "json"))["items"]
    (container,) = pod["status"]["containerStatuses"]
    assert (container["ready"], container["restartCount"]) == (True, 0)
    owner = node.kubectl(
        "exec", "-n", NAMESPACE, pod["metadata"]["name"], "--", "buildctl", "debug", "workers"
    )
    assert "linux/amd64" in owner
