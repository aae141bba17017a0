"""The whole phase without a registry: built by a real BuildKit into a folder, proven, loaded, looked at."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "components" / "container-hosts"))

from container_hosts import ContainerHost, hand_over
from small_source import BAKE, ENDING, commit, written

from kvx.drivers import image_building, image_loading, image_proving, image_records
from kvx.drivers.image_proof import examined
from kvx.images.attested import KINDS
from kvx.images.documents import Platform
from kvx.images.pace import WHOLE
from kvx.images.proof import Wanted
from kvx.images.reference import LOCAL
from kvx.steps.images import BuildImages, ImagesWanted, LoadImages, ProveImages
from kvx.world import real_world

pytestmark = [pytest.mark.needs("images", "container-hosts", "docker", "git"), pytest.mark.timeout(900)]

BOTH = (Platform("linux", "amd64"), Platform("linux", "arm64"))
PROCESSOR_BAKE = """
target "voice-processor" {
  inherits   = ["voice-api"]
  contexts   = { voice-api = "target:voice-api" }
  dockerfile = "Processor"
  tags       = ["${REPOSITORY}/voice-processor:${TAG}"]
}
"""
PROCESSOR = """FROM voice-api
CMD ["process"]
ARG VERSION
ARG REVISION
ARG SOURCE
LABEL org.opencontainers.image.title="voice-processor"
"""
NAMES = ("voice-api", "voice-processor")
DOCKERFILE = (
    """FROM scratch
ARG TARGETARCH
COPY program-${TARGETARCH} /usr/bin/program
COPY METADATA /opt/voice-api/numpy-2.3.1.dist-info/METADATA
COPY service /opt/service
"""
    + ENDING
)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A clone with images of a few bytes, built by the same words as ours."""
    files = {"Processor": PROCESSOR, "METADATA": "Metadata-Version: 2.1\nName: numpy\nVersion: 2.3.1\n"}
    folder = written(tmp_path / "source", BAKE + PROCESSOR_BAKE, DOCKERFILE, files)
    commit(folder, "one")
    return folder


def test_built_into_a_folder_proven_loaded_and_each_time_only_what_is_new(
    source: Path,
    tmp_path: Path,
    workshop: Any,
    container_hosts: tuple[ContainerHost, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BUILDX_CONFIG", workshop.environment["BUILDX_CONFIG"])
    monkeypatch.setenv("DOCKER_CONFIG", str(workshop.tools / "docker"))
    folder = hand_over(tmp_path / "hetzner", container_hosts)
    world = real_world()
    wanted = ImagesWanted(LOCAL, tuple(map(str, BOTH)), 1_000_000, NAMES, builder="tests")
    build = BuildImages(folder, source, wanted, 600)
    prove, load = ProveImages(folder, wanted), LoadImages(folder, folder / "ssh" / "id_ed25519", 300)

    for content in ("one", "two"):
        commit(source, f"{content}, changed")
        assert not image_building.is_done(build, world)
        image_building.perform(build, world)
        pace = json.loads((folder / "images" / "build-voice-api.pace.json").read_text())
        assert pace[WHOLE] >= max(seconds for name, seconds in pace.items() if name != WHOLE) > 0
        assert any("COPY service" in name for name in pace)
        assert image_building.is_done(build, world)
        image_proving.perform(prove, world)
        assert image_proving.is_done(prove, world)
        image_loading.perform(load, world)
        assert image_loading.is_done(load, world)
        images = image_records.kept(folder / "images.json")
        assert tuple(sorted(images)) == NAMES
        for kept in images.values():
            assert (kept.pull_policy, kept.attested) == ("Never", KINDS)
            found = examined(kept.reference, Wanted(BOTH, 1_000_000, attested=KINDS), world, folder)
            assert found.findings == ()
        for host in container_hosts:
            ready = host.run("k3s ctr images check -q").split()
            for name, kept in images.items():
                assert f"{LOCAL}/{name}@{kept.reference.digest}" in ready
