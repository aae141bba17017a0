"""The image of kvx itself: small, for both processors, and it starts where a cluster runs it."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "components" / "images"))

from container import USER, Unpacked, running
from workshop import ROOT, tools

LARGEST_MB = 60
pytestmark = [pytest.mark.needs("images"), pytest.mark.timeout(1500)]


def test_it_is_proven_for_both_processors_and_small(verified: dict[str, Any]) -> None:
    image = verified["kvx"]
    assert image["findings"] == []
    sizes = {name: each["size_bytes"] / 1e6 for name, each in image["platforms"].items()}
    print(", ".join(f"{name} {size:.1f} MB" for name, size in sizes.items()))
    assert sizes.keys() == {"linux/arm64", "linux/amd64"}
    assert max(sizes.values()) < LARGEST_MB


@pytest.mark.parametrize("architecture", ["amd64", "arm64"])
def test_it_says_its_version(unpacked: Callable[..., Unpacked], architecture: str) -> None:
    image = unpacked(architecture, "kvx")
    with running(image, tools() / "runc", image.root.parent, environment={}) as container:
        assert container.process.wait(300) == 0, container.log.read_text()
    assert "kvx" in container.log.read_text()


def test_its_user_owns_nothing_but_its_folder(unpacked: Callable[..., Unpacked]) -> None:
    root = unpacked("amd64", "kvx").root
    own = [file for file in root.rglob("*") if not file.is_symlink() and file.stat().st_uid != 0]
    assert {str(file.relative_to(root)) for file in own} <= {"srv", "srv/kvx"}
    assert (root / "srv" / "kvx").stat().st_uid == USER


def test_the_dockerfile_is_as_the_linter_wants_it() -> None:
    argv = [Path(sys.executable).with_name("hadolint"), ROOT / "docker" / "kvx.Dockerfile"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.returncode) == ("", 0)
