"""A builder on another machine: reached by SSH, where BuildKit's own client hands buildx on to its daemon."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "components" / "container-hosts"))

from container_hosts import ContainerHost
from small_source import BAKE, BUILDER_POD, ENDING, commit, written
from ssh_as import ssh_as

from kvx.drivers import image_building, image_proving
from kvx.drivers.builders import builders, chosen
from kvx.images.reference import LOCAL
from kvx.steps.images import BuildImages, ImagesWanted, ProveImages
from kvx.world import real_world

pytestmark = [pytest.mark.needs("images", "container-hosts", "docker", "git"), pytest.mark.timeout(900)]
DOCKERFILE = (
    """FROM scratch
ARG TARGETARCH
COPY program-${TARGETARCH} /usr/bin/program
COPY service /opt/service
"""
    + ENDING
)


@pytest.fixture
def host(container_hosts: tuple[ContainerHost, ...], workshop: Any) -> Iterator[ContainerHost]:
    """It has BuildKit's client, and a daemon that no network leads to."""
    built = subprocess.run(
        [BUILDER_POD], check=True, capture_output=True, text=True, timeout=900
    ).stdout.strip()
    program = container_hosts[0].folder / "bin" / "buildctl"
    socket = workshop.folder / "buildkitd.sock"
    program.write_text(f'#!/bin/sh\nexec {Path(built).with_name("buildctl")} --addr unix://{socket} "$@"\n')
    program.chmod(0o755)
    yield container_hosts[0]
    program.unlink()


def test_a_machine_over_ssh_builds_what_kvx_proves(
    host: ContainerHost, workshop: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    ssh_as(host, tmp_path / "bin" / "ssh")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("BUILDX_CONFIG", str(tmp_path / "buildx"))
    monkeypatch.setenv("DOCKER_CONFIG", str(workshop.tools / "docker"))
    source = written(tmp_path / "source", BAKE, DOCKERFILE, {})
    commit(source, "one")
    address, world = f"ssh://root@{host.address}", real_world()
    wanted = ImagesWanted(LOCAL, ("linux/amd64", "linux/arm64"), 1_000_000, builder=address)
    build = BuildImages(tmp_path / "cluster", source, wanted, 600)
    image_building.perform(build, world)
    image_proving.perform(ProveImages(build.folder, wanted), world)
    found = chosen(address, builders(world))
    assert found is not None
    assert (found.driver, found.machines[0].endpoint) == ("remote", address)
