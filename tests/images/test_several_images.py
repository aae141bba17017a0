"""Several images of one run: kept together or not at all, pushed with layers they share, listed by name."""

import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "components" / "images"))

from local import build
from made import Pusher, right

from kvx.drivers.registry import Registry
from kvx.images.recipes import NAMES, RECIPES, names_for, recipe_of
from kvx.images.reference import parse_reference
from kvx.world import real_world

Kvx = Callable[..., "subprocess.CompletedProcess[str]"]
FLAGS = ("--target", "cluster")
TAG, OLDER = "00000000000b", "00000000000a"
BOTH = (right("arm64"), right("amd64"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of the target cluster."""
    path = tmp_path / ".kvx" / "cluster"
    path.mkdir(parents=True)
    return path


def settings(tmp_path: Path, repository: str | None, *components: str) -> None:
    images = f'[images]\nrepository = "{repository}"\n' if repository else ""
    (tmp_path / "kvx.toml").write_text(f"{images}[kubernetes]\ncomponents = {json.dumps(components)}\n")


def kept(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "images.json").read_text())["images"]
    return found


def test_what_is_built_follows_the_components() -> None:
    assert names_for(()) == ("voice-api",)
    assert names_for(("monitoring", "voice-processor")) == ("voice-api", "voice-processor")
    assert names_for(each for recipe in RECIPES for each in recipe.components) == NAMES
    assert recipe_of("somebody-elses") is RECIPES[0]


def test_a_plan_says_which_and_an_overlay_of_ones_own_may_run_any(kvx: Kvx, tmp_path: Path) -> None:
    settings(tmp_path, "registry.example.com/acme", "voice-processor", "cost-report")
    assert "voice-api voice-processor kvx" in kvx("images", "--dry-run", *FLAGS).stdout
    overlay = tmp_path / "overlay"
    overlay.mkdir()
    (overlay / "kustomization.yaml").write_text("resources: []\n")
    text = '[images]\nrepository = "registry.example.com/acme"\n[kubernetes]\noverlay = "overlay"\n'
    (tmp_path / "kvx.toml").write_text(text)
    assert "voice-api voice-processor kvx" in kvx("images", "--dry-run", *FLAGS).stdout


@pytest.mark.needs("images")
def test_all_are_pushed_proven_and_kept_and_the_second_brings_no_layer_of_the_first(
    kvx: Kvx, tmp_path: Path, folder: Path, local_registry: Any
) -> None:
    place = f"{local_registry.name}/several"
    settings(tmp_path, place, "voice-processor")
    built = {name: build(folder, TAG, *BOTH, name=name) for name in ("voice-api", "voice-processor")}
    ended = kvx("images", "push", *FLAGS)
    assert ended.returncode == 0, ended.stderr
    assert {name: each["reference"] for name, each in kept(folder).items()} == {
        name: f"{place}/{name}:{TAG}@{each.digest}" for name, each in built.items()
    }
    pushed = [line for line in ended.stderr.splitlines() if "pushes sha256:" in line]
    assert len(pushed) == len(set(pushed)) > 0
    assert json.loads(kvx("images", "push", *FLAGS, "--json").stdout.splitlines()[-1])["changed"] is False


@pytest.mark.needs("images")
def test_a_blob_is_borrowed_from_another_repository_and_only_where_it_is(local_registry: Any) -> None:
    Pusher(local_registry.url, "borrow/lender").index("one", right("arm64"))
    lender = parse_reference(f"{local_registry.name}/borrow/lender:one")
    borrower = parse_reference(f"{local_registry.name}/borrow/borrower:one")
    with closing(Registry(lender, real_world())) as there, closing(Registry(borrower, real_world())) as here:
        index = json.loads(there.manifest("one")[1])
        manifest = json.loads(there.manifest(index["manifests"][0]["digest"])[1])
        digest = manifest["layers"][0]["digest"]
        assert not here.has(digest)
        assert here.borrow(digest, lender)
        assert here.has(digest)
        assert not here.borrow(f"sha256:{'0' * 64}", lender)


@pytest.mark.needs("images")
def test_where_one_is_wrong_none_is_kept(kvx: Kvx, tmp_path: Path, folder: Path, local_registry: Any) -> None:
    settings(tmp_path, f"{local_registry.name}/wrong", "voice-processor")
    build(folder, TAG, *BOTH)
    build(folder, TAG, right("arm64").but(user="root"), right("amd64"), name="voice-processor")
    ended = kvx("images", "push", *FLAGS)
    assert ended.returncode == 1
    assert "voice-processor" in ended.stderr.splitlines()[-2]
    assert "runs as root" in ended.stderr.splitlines()[-2]
    assert not (folder / "images.json").exists()


def test_what_is_started_and_ends_needs_no_health_check_and_what_serves_does(kvx: Kvx, folder: Path) -> None:
    silent = [each.but(health=()) for each in BOTH]
    for name, code in (("kvx", 0), ("voice-processor", 1), ("voice-api", 1)):
        reference = build(folder, TAG, *silent, name=name)
        ended = kvx("images", "verify", str(reference), *FLAGS)
        assert (ended.returncode, "no health check" in ended.stderr) == (code, code == 1), name


def test_each_is_listed_by_its_name_and_of_each_the_newest_stay(kvx: Kvx, folder: Path) -> None:
    for tag, day in ((OLDER, 1), (TAG, 2)):
        dated = [each.but(created=f"2026-01-0{day}T00:00:00Z") for each in BOTH]
        for name in ("voice-api", "voice-processor"):
            build(folder, tag, *dated, name=name)
    listed = json.loads(kvx("images", "list", "--json", *FLAGS).stdout)["tags"]
    assert [(each["image"], each["tag"]) for each in listed] == [
        (name, tag) for name in ("voice-api", "voice-processor") for tag in (OLDER, TAG)
    ]
    ended = kvx("images", "prune", "--keep-last=1", "--delete", "--yes", "--json", *FLAGS)
    told = json.loads(ended.stdout)
    assert [(each["image"], each["tag"]) for each in told["goes"]] == [
        ("voice-api", OLDER), ("voice-processor", OLDER),
    ]  # fmt: skip
    listed = json.loads(kvx("images", "list", "--json", *FLAGS).stdout)["tags"]
    assert {each["tag"] for each in listed} == {TAG}


@pytest.mark.needs("images")
def test_without_a_registry_of_ones_own_each_that_is_needed_is_asked_for(
    kvx: Kvx, tmp_path: Path, folder: Path, local_registry: Any
) -> None:
    settings(tmp_path, None, "voice-processor")
    for name in ("voice-api", "voice-processor"):
        missing = kvx("images", *FLAGS)
        assert missing.returncode == 3
        assert f"kvx images verify REGISTRY/{name}:TAG --keep" in missing.stderr
        Pusher(local_registry.url, f"asked/{name}").index("v1", *BOTH)
        there = f"{local_registry.name}/asked/{name}:v1"
        assert kvx("images", "verify", there, "--keep", *FLAGS).returncode == 0
    assert kvx("images", *FLAGS).returncode == 0


@pytest.mark.needs("images")
@pytest.mark.parametrize("name", NAMES)
def test_only_sources_reach_a_builder_and_no_secret_that_lies_beside_them(
    workshop: Any, clone: Path, tmp_path: Path, name: str
) -> None:
    """What the builder is sent, written out again; planted are secrets in every folder that is sent from."""
    planted = {".env", "id_rsa", "kvx.toml", "kubeconfig", "key.pem", ".netrc"}
    source = tmp_path / "source"
    subprocess.run(["cp", "--archive", clone, source], check=True, timeout=60)
    for each in ("", "docker", "requirements", "cli", "cli/kvx", "cli/kvx/cost", "voice_api/voice_api"):
        for secret in planted:
            (source / each / secret).write_text("TOKEN=planted")
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY . /\n")
    ignored = clone / "docker" / f"{name}.Dockerfile.dockerignore"
    (tmp_path / "Dockerfile.dockerignore").write_text(ignored.read_text())
    sent = tmp_path / "sent"
    out = f"--output=type=local,dest={sent}"
    workshop.buildx("build", f"--file={tmp_path / 'Dockerfile'}", "--provenance=false", out, str(source))
    files = [file for file in sent.rglob("*") if file.is_file()]
    assert not [file for file in files if file.name in planted or b"planted" in file.read_bytes()]
    assert bool(files) is (name != "voice-processor")
