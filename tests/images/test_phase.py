"""The phase images as people meet it: kvx images builds, pushes, proves, and says what stands in its way."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "components" / "images"))

from made import Pusher, right
from workshop import set_up_for_pip

from kvx.drivers.buildx import Build, run
from kvx.drivers.sources import sources_of
from kvx.errors import KvxError
from kvx.images.tag import tag_of
from kvx.world import real_world

Ended = "subprocess.CompletedProcess[str]"
pytestmark = pytest.mark.timeout(1500)
KVX = [sys.executable, "-c", "from kvx.main import run; run()"]


@pytest.fixture
def kvx(tmp_path: Path, workshop: Any) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """kvx("images", "--json", builder="tests") with settings for the workshop in kvx.toml."""
    files = {"pip": "pip_file", "certificates": "certificates"}
    given = {files[name]: str(file) for name, file in set_up_for_pip()}
    usual = {"repository": f"{workshop.registry}/phase", "base": workshop.base, "builder": "tests"}
    usual |= {"builder_image": workshop.builder, "allow_dirty": True, **given}

    def call(*words: str, **changed: object) -> "subprocess.CompletedProcess[str]":
        lines = [f"{name} = {json.dumps(value)}" for name, value in {**usual, **changed}.items()]
        (tmp_path / "kvx.toml").write_text("[images]\n" + "\n".join(lines) + "\n")
        environment = {**os.environ, "BUILDX_CONFIG": workshop.environment["BUILDX_CONFIG"]}
        environment["DOCKER_CONFIG"] = str(workshop.tools / "docker")
        return subprocess.run(
            [*KVX, *words, "--target", "cluster"],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=1_400,
            check=False,
        )

    return call


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / ".kvx" / "cluster" / "images.json"


@pytest.mark.needs("images", "docker", "git")
def test_images_are_built_pushed_proven_and_left_alone_the_second_time(
    kvx: Callable[..., Any], kept: Path, workshop: Any
) -> None:
    first = kvx("images")
    assert first.returncode == 0, first.stderr
    (image,) = json.loads(kept.read_text())["images"].values()
    assert image["reference"].startswith(f"{workshop.registry}/phase/voice-api:")
    assert set(image["platforms"]) == {"linux/arm64", "linux/amd64"}
    before = kept.stat().st_mtime_ns
    again = kvx("images", "--json")
    assert again.returncode == 0, again.stderr
    result = json.loads(again.stdout.splitlines()[-1])
    assert (result["event"], result["changed"]) == ("result", False)
    assert kept.stat().st_mtime_ns == before
    moved = Pusher(f"http://{workshop.registry}/v2", "phase/voice-api")
    moved.index(image["reference"].partition("@")[0].rpartition(":")[2], right("amd64"))
    assert kvx("images", "verify").returncode == 4


@pytest.mark.needs("images", "docker", "git")
def test_what_cannot_be_proven_is_not_kept(kvx: Callable[..., Any], kept: Path) -> None:
    ended = kvx("images", largest_mb=1)
    assert ended.returncode == 1
    assert "must not roll out: linux/a" in ended.stderr
    assert not kept.exists()


@pytest.mark.needs("images", "docker", "git")
def test_a_builder_that_is_not_there_is_told(kvx: Callable[..., Any], kept: Path) -> None:
    ended = kvx("images", builder="gone")
    assert ended.returncode == 3
    assert "the builder gone does not answer" in ended.stderr
    assert not kept.exists()


@pytest.mark.needs("images", "docker", "git")
def test_a_registry_that_is_down_is_told_before_anything_is_built(kvx: Callable[..., Any]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    ended = kvx("images", repository=f"localhost:{port}/phase")
    assert ended.returncode == 3
    assert f"the registry at http://localhost:{port} cannot be reached" in ended.stderr


@pytest.mark.needs("images", "docker", "git")
def test_a_base_without_python_is_told_by_its_own_words(kvx: Callable[..., Any], workshop: Any) -> None:
    Pusher(f"http://{workshop.registry}/v2", "base/bare").index("1", right("arm64"), right("amd64"))
    ended = kvx("images", base=f"{workshop.registry}/base/bare:1")
    assert ended.returncode == 1
    assert "the build failed: " in ended.stderr
    assert "the base image has no Python 3.11" in ended.stderr


def test_a_tag_is_the_revision_and_a_change_has_a_tag_of_its_own() -> None:
    revision = "4f5c2ad01234567890"
    assert tag_of(revision, b"") == "4f5c2ad01234"
    assert tag_of(revision, b"a").startswith("4f5c2ad01234-dirty-")
    assert tag_of(revision, b"a") != tag_of(revision, b"b")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
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
def test_only_what_is_in_the_image_makes_it_dirty(clone: Path) -> None:
    world = real_world()
    assert sources_of(clone, world).change == b""
    (clone / "elsewhere").write_text("x")
    assert sources_of(clone, world).change == b""
    (clone / "docker" / "file").write_text("two")
    changed = sources_of(clone, world).change
    (clone / "docker" / "new").write_text("x")
    assert b"" != changed != sources_of(clone, world).change


@pytest.mark.needs("git")
def test_a_login_in_the_address_of_the_clone_stays_out_of_the_image(clone: Path) -> None:
    assert sources_of(clone, real_world()).address == ""
    _git(clone, "remote", "add", "origin", "https://name:token@example.com/kvx.git")
    assert sources_of(clone, real_world()).address == "https://example.com/kvx.git"


@pytest.mark.needs("git")
def test_a_folder_that_is_no_clone_is_told(tmp_path: Path) -> None:
    with pytest.raises(KvxError, match="is no clone of git"):
        sources_of(tmp_path, real_world())


def test_a_build_that_takes_too_long_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = tmp_path / "buildx"
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{_without_docker(tmp_path)}")
    build = Build((), {}, tmp_path, tmp_path / "log" / "build.log")
    with pytest.raises(KvxError, match=r"did not end within 0\.5 s"):
        run(build, 0.5, real_world())


def _without_docker(folder: Path) -> str:
    """A PATH with sleep and no docker."""
    place = folder / "bin"
    place.mkdir()
    (place / "sleep").symlink_to("/bin/sleep")
    return str(place)
