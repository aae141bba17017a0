"""The phase images as people meet it: kvx images builds, pushes and proves what is committed."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from as_a_user import User

from kvx.drivers.buildx import Build, run
from kvx.drivers.sources import sources_of
from kvx.errors import KvxError
from kvx.images.tag import tag_of
from kvx.world import real_world

pytestmark = pytest.mark.timeout(1500)


@pytest.mark.needs("images", "docker", "git")
def test_images_are_built_pushed_proven_and_left_alone_the_second_time(user: User, workshop: Any) -> None:
    first = user.types("images", components=["voice-processor"])
    assert first.returncode == 0, first.stderr
    images = json.loads(user.kept.read_text())["images"]
    assert images.keys() == {"voice-api", "voice-processor"}
    for name, image in images.items():
        assert image["reference"].startswith(f"{workshop.registry}/phase/{name}:")
        assert set(image["platforms"]) == {"linux/arm64", "linux/amd64"}
        assert image["attested"] == ["provenance", "bill"]
    before = user.kept.stat().st_mtime_ns
    again = user.types("images", "--json", components=["voice-processor"])
    assert again.returncode == 0, again.stderr
    result = json.loads(again.stdout.splitlines()[-1])
    assert (result["event"], result["changed"]) == ("result", False)
    assert user.kept.stat().st_mtime_ns == before


def test_a_tag_is_the_revision_and_a_change_has_a_tag_of_its_own() -> None:
    revision = "4f5c2ad01234567890"
    assert tag_of(revision, b"") == "4f5c2ad01234"
    assert tag_of(revision, b"a").startswith("4f5c2ad01234-dirty-")
    assert tag_of(revision, b"a") != tag_of(revision, b"b")


@pytest.fixture
def small_clone(tmp_path: Path) -> Path:
    """A repository with one commit."""
    folder = tmp_path / "clone"
    (folder / "docker").mkdir(parents=True)
    (folder / "docker" / "file").write_text("one")
    _git(folder, "init", "--quiet")
    _git(folder, "add", ".")
    _git(folder, "-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "--quiet", "-m", "one")
    return folder


def _git(folder: Path, *words: str) -> None:
    subprocess.run(["git", "-C", folder, *words], check=True, capture_output=True, timeout=30)


@pytest.mark.needs("git")
def test_only_what_is_in_the_image_makes_it_dirty(small_clone: Path) -> None:
    world = real_world()
    assert sources_of(small_clone, ("docker",), world).change == b""
    (small_clone / "elsewhere").write_text("x")
    assert sources_of(small_clone, ("docker",), world).change == b""
    (small_clone / "docker" / "file").write_text("two")
    changed = sources_of(small_clone, ("docker",), world).change
    (small_clone / "docker" / "new").write_text("x")
    assert b"" != changed != sources_of(small_clone, ("docker",), world).change
    assert sources_of(small_clone, ("cli",), world).change == b""


@pytest.mark.needs("git")
def test_a_login_in_the_address_of_the_clone_stays_out_of_the_image(small_clone: Path) -> None:
    assert sources_of(small_clone, ("docker",), real_world()).address == ""
    _git(small_clone, "remote", "add", "origin", "https://name:token@example.com/kvx.git")
    assert sources_of(small_clone, ("docker",), real_world()).address == "https://example.com/kvx.git"


@pytest.mark.needs("git")
def test_a_folder_that_is_no_clone_is_told(tmp_path: Path) -> None:
    with pytest.raises(KvxError, match="is no clone of git"):
        sources_of(tmp_path, ("docker",), real_world())


def test_a_build_that_takes_too_long_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = tmp_path / "buildx"
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{_without_docker(tmp_path)}")
    build = Build((), {}, tmp_path, tmp_path / "log" / "build.log")
    with pytest.raises(KvxError, match="the build did not end in time"):
        run(build, real_world().monotonic() + 0.5, real_world())


def _without_docker(folder: Path) -> str:
    """A PATH with sleep and no docker."""
    place = folder / "bin"
    place.mkdir()
    (place / "sleep").symlink_to("/bin/sleep")
    return str(place)
