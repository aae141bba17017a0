"""The phase images as people meet it: kvx images builds, pushes and proves what is committed."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "components" / "images"))

from as_a_user import User
from small_source import working
from workshop import builder

from kvx.drivers import image_building
from kvx.drivers.buildx import Build, run
from kvx.drivers.sources import sources_of
from kvx.errors import KvxError
from kvx.images.tag import tag_of
from kvx.steps.images import BuildImages, ImagesWanted
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


@pytest.mark.needs("images", "docker", "git")
def test_another_builder_goes_on_from_what_the_registry_remembers(
    workshop: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BUILDX_CONFIG", workshop.environment["BUILDX_CONFIG"])
    monkeypatch.setenv("DOCKER_CONFIG", str(workshop.tools / "docker"))
    source, _ = working(tmp_path / "source")
    place = f"{workshop.registry}/remembered"
    wanted = ImagesWanted(place, ("linux/amd64",), 1_000_000, builder="tests", cache=True)
    first = BuildImages(tmp_path / "first", source, wanted, 600)
    image_building.perform(first, real_world())
    assert [each["name"] for each in steps(first) if "RUN" in each["name"]]
    with builder(workshop, "fresh", tmp_path / "fresh", tmp_path / "state"):
        second = replace(first, folder=tmp_path / "second", wanted=replace(wanted, builder="fresh"))
        image_building.perform(second, real_world())
    assert not [each for each in steps(second) if "RUN" in each["name"] and not each.get("cached")]
    tags = httpx.get(f"http://{place.replace('/', '/v2/')}/voice-api/tags/list", timeout=60).json()["tags"]
    assert "cache" in tags


def steps(build: BuildImages) -> list[dict[str, Any]]:
    """What BuildKit has begun and ended, as it was told last."""
    lines = (build.folder / "images" / "build-voice-api.log").read_text().splitlines()
    rows = [json.loads(line) for line in lines if line.startswith("{")]
    told = {each["digest"]: each for row in rows for each in row.get("vertexes") or ()}
    return [each for each in told.values() if each.get("completed")]


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
    subprocess.run(["git", "-C", folder, *words], check=True, capture_output=True, timeout=60)


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
