"""kvx images build, push, list, prune: what a person types, against a real registry and a folder."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as how
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "components" / "images"))

from local import build
from made import Pusher, elf, right
from workshop import LocalRegistry, registry

from kvx.drivers.image_pruning import released_digests
from kvx.images.retention import Tagged, retention

Kvx = Callable[..., "subprocess.CompletedProcess[str]"]
# A busy machine is no fault of what is tried.
PATIENT = how(deadline=None, suppress_health_check=[HealthCheck.too_slow])
FLAGS = ("--target", "cluster")
TAGS = [f"{number:012x}" for number in range(1, 8)]


def image(number: int, architecture: str) -> Any:
    """Made at another time than those of other numbers."""
    made = right(architecture)
    return made.but(
        files={"usr/bin/program": elf(architecture), "number": b"%d" % number},
        created=f"2026-01-0{number}T00:00:00Z",
    )


def both(number: int) -> tuple[Any, Any]:
    return image(number, "arm64"), image(number, "amd64")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of the target cluster."""
    path = tmp_path / ".kvx" / "cluster"
    path.mkdir(parents=True)
    return path


def settings(tmp_path: Path, repository: str) -> None:
    (tmp_path / "kvx.toml").write_text(f'[images]\nrepository = "{repository}"\n')


def rows(ended: "subprocess.CompletedProcess[str]") -> Any:
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout.splitlines()[-1])


@pytest.mark.needs("images")
def test_what_was_built_here_is_pushed_proven_and_kept(
    kvx: Kvx, tmp_path: Path, folder: Path, local_registry: Any
) -> None:
    settings(tmp_path, f"{local_registry.name}/push")
    reference = build(folder, TAGS[0], *both(1))
    ended = kvx("images", "push", *FLAGS)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[-1] == "next      kvx deploy --target cluster rolls them out"
    (kept,) = json.loads((folder / "images.json").read_text())["images"].values()
    assert kept["reference"] == f"{local_registry.name}/push/voice-api:{TAGS[0]}@{reference.digest}"
    assert kept["pull_policy"] == "IfNotPresent"
    assert kept["attested"] == ["bill"]
    assert kvx("images", "verify", *FLAGS).returncode == 0
    again = rows(kvx("images", "push", *FLAGS, "--json"))
    assert (again["event"], again["changed"]) == ("result", False)


@pytest.mark.needs("images")
def test_a_tag_that_means_something_else_in_the_registry_is_not_overwritten(
    kvx: Kvx, tmp_path: Path, folder: Path, local_registry: Any
) -> None:
    settings(tmp_path, f"{local_registry.name}/taken")
    there = Pusher(local_registry.url, "taken/voice-api").index(TAGS[0], *both(2))
    build(folder, TAGS[0], *both(1))
    ended = kvx("images", "push", *FLAGS)
    assert ended.returncode == 4
    assert f"the tag {TAGS[0]} means {there}" in ended.stderr
    assert not (folder / "images.json").exists()


@pytest.mark.needs("images")
def test_an_index_of_the_same_images_by_another_run_stays_as_it_is_in_the_registry(
    kvx: Kvx, tmp_path: Path, folder: Path, local_registry: Any
) -> None:
    settings(tmp_path, f"{local_registry.name}/same")
    there = Pusher(local_registry.url, "same/voice-api", run="1").index(TAGS[0], *both(1))
    assert build(folder, TAGS[0], *both(1)).digest != there
    ended = kvx("images", "push", *FLAGS)
    assert ended.returncode == 0, ended.stderr
    (kept,) = json.loads((folder / "images.json").read_text())["images"].values()
    assert kept["digest"] == there
    assert kvx("images", "verify", *FLAGS).returncode == 0  # the tag means it still
    assert not rows(kvx("images", "push", *FLAGS, "--json"))["changed"]


def test_without_anything_built_there_is_nothing_to_push(kvx: Kvx, tmp_path: Path, folder: Path) -> None:
    settings(tmp_path, "registry.example.com/a")
    ended = kvx("images", "push", *FLAGS)
    assert ended.returncode == 3
    assert "fix: kvx images build" in ended.stderr


def test_a_cluster_without_a_registry_is_refused_with_what_to_do(kvx: Kvx, folder: Path) -> None:
    for words in (("images",), ("images", "push")):
        ended = kvx(*words, *FLAGS)
        assert ended.returncode == 3
        assert "there is no registry that the images can go to" in ended.stderr
        assert 'set images.repository to "REGISTRY/FOLDER"; or kvx images verify' in ended.stderr


@pytest.mark.needs("images")
def test_an_image_that_somebody_else_pushed_will_do_for_a_cluster(
    kvx: Kvx, folder: Path, local_registry: Any
) -> None:
    Pusher(local_registry.url, "else/voice-api").index("v1", *both(1))
    name = f"{local_registry.name}/else/voice-api:v1"
    assert kvx("images", "verify", name, "--keep", *FLAGS).returncode == 0
    assert kvx("images", *FLAGS).returncode == 0


def test_images_without_a_registry_are_proven_where_they_lie(kvx: Kvx, folder: Path) -> None:
    reference = build(folder, TAGS[0], *both(1))
    told = rows(kvx("images", "verify", str(reference), "--json", *FLAGS))
    assert told["images"][0]["findings"] == []
    assert [each["tag"] for each in rows(kvx("images", "list", "--json", *FLAGS))["tags"]] == [TAGS[0]]
    missing = kvx("images", "verify", "kvx.invalid/voice-api:other", *FLAGS)
    assert missing.returncode == 3
    assert "fix: kvx images build" in missing.stderr


@pytest.mark.parametrize("beginning", [b"{", b"\x1f"])
def test_a_document_or_layer_that_was_changed_in_the_folder_is_found(
    kvx: Kvx, folder: Path, beginning: bytes
) -> None:
    reference = build(folder, TAGS[0], *both(1))
    for blob in (folder / "images" / "layout" / "blobs" / "sha256").iterdir():
        if blob.read_bytes().startswith(beginning):
            blob.write_bytes(blob.read_bytes() + b" ")
    ended = kvx("images", "verify", str(reference), *FLAGS)
    assert ended.returncode == 4
    assert "holds something else than its name says" in ended.stderr


@pytest.mark.needs("images")
def test_only_the_newest_and_what_is_used_stay_in_a_registry(
    kvx: Kvx, tmp_path: Path, folder: Path, local_registry: Any
) -> None:
    settings(tmp_path, f"{local_registry.name}/prune")
    pusher = Pusher(local_registry.url, "prune/voice-api")
    digests = [pusher.index(tag, *both(number)) for number, tag in enumerate(TAGS[:5], 1)]
    pusher.index("by-hand", *both(1))
    used = f"{local_registry.name}/prune/voice-api:{TAGS[1]}"
    assert kvx("images", "verify", used, "--keep", *FLAGS).returncode == 0
    before = rows(kvx("images", "prune", "--keep-last", "2", "--json", *FLAGS))
    assert [each["tag"] for each in before["goes"]] == [TAGS[2]]
    assert [each["tag"] for each in before["kept"]] == [TAGS[1], TAGS[3], TAGS[4], "by-hand", TAGS[0]]
    assert len(rows(kvx("images", "list", "--json", *FLAGS))["tags"]) == 6
    refused = kvx("images", "prune", "--keep-last", "2", "--delete", *FLAGS)
    assert refused.returncode == 3
    assert "there is no terminal to ask on" in refused.stderr
    rows(kvx("images", "prune", "--keep-last", "2", "--delete", "--yes", "--json", *FLAGS))
    left = rows(kvx("images", "list", "--json", *FLAGS))["tags"]
    assert [each["tag"] for each in left] == [TAGS[0], TAGS[1], TAGS[3], TAGS[4], "by-hand"]
    gone = f"{local_registry.url}/prune/voice-api/manifests/{digests[2]}"
    assert httpx.get(gone, timeout=60).status_code == 404
    assert kvx("images", "verify", *FLAGS).returncode == 0


@pytest.mark.needs("images")
def test_a_registry_that_refuses_to_delete_is_told_in_words(
    kvx: Kvx, tmp_path: Path, folder: Path, registry_without_deletes: Any
) -> None:
    settings(tmp_path, f"{registry_without_deletes.name}/a")
    pusher = Pusher(registry_without_deletes.url, "a/voice-api")
    for number, tag in enumerate(TAGS[:2], 1):
        pusher.index(tag, *both(number))
    ended = kvx("images", "prune", "--keep-last", "1", "--delete", "--yes", *FLAGS)
    assert ended.returncode == 3
    assert "lets nobody delete images" in ended.stderr
    assert "REGISTRY_STORAGE_DELETE_ENABLED" in ended.stderr


@pytest.fixture
def registry_without_deletes(tmp_path: Path) -> Iterator[LocalRegistry]:
    with registry(tmp_path / "registry", deletes=False) as local:
        yield local


def test_the_folder_gives_its_room_back(kvx: Kvx, folder: Path) -> None:
    for number, tag in enumerate(TAGS[:3], 1):
        build(folder, tag, *both(number))
    blobs = folder / "images" / "layout" / "blobs" / "sha256"
    before = len(list(blobs.iterdir()))
    assert kvx("images", "prune", "--keep-last", "1", "--delete", "--yes", *FLAGS).returncode == 0
    assert len(list(blobs.iterdir())) == before // 3
    left = rows(kvx("images", "list", "--json", *FLAGS))["tags"]
    assert [each["tag"] for each in left] == [TAGS[2]]
    assert kvx("images", "verify", f"kvx.invalid/voice-api:{TAGS[2]}", *FLAGS).returncode == 0


@pytest.mark.needs("images")
def test_what_is_no_image_is_listed_and_stays(
    kvx: Kvx, tmp_path: Path, folder: Path, local_registry: Any
) -> None:
    settings(tmp_path, f"{local_registry.name}/signed")
    pusher = Pusher(local_registry.url, "signed/voice-api")
    digest = pusher.index(TAGS[0], *both(1))
    signature = f"{digest.replace(':', '-')}.sig"
    pusher.artifact(signature, "application/vnd.dev.cosign.config")
    listed = rows(kvx("images", "list", "--json", *FLAGS))["tags"]
    assert [(each["tag"], each["size_bytes"]) for each in listed if each["tag"] == signature] == [
        (signature, {})
    ]
    told = rows(kvx("images", "prune", "--json", *FLAGS))
    assert {each["tag"]: each["why"] for each in told["kept"]}[signature] == "not named by kvx"


def test_what_a_release_ran_is_told_by_its_digests() -> None:
    name, digest = "registry.example.com/a/voice-api", f"sha256:{'a' * 64}"
    other = f"sha256:{'b' * 64}"
    told = released_digests({"voice-api": f"{name}:tag@{digest}", f"{name}@{other}": "unnamed"})
    assert told == {digest, other}


DIGESTS = st.sampled_from([f"sha256:{number:064x}" for number in range(6)])
MANIFESTS = st.lists(st.sampled_from([f"sha256:{number:064x}" for number in range(100, 106)]), max_size=3)
NAMES = st.sampled_from([*TAGS, "v1", "latest", "cache", f"{TAGS[0]}-dirty-00000001"])


@PATIENT
@given(
    st.lists(st.builds(Tagged, NAMES, DIGESTS), unique_by=lambda each: each.tag),
    st.dictionaries(DIGESTS, MANIFESTS),
    st.dictionaries(NAMES, st.sampled_from(["", "2026-01-01", "2026-01-02"])),
    st.frozensets(DIGESTS, max_size=2),
    st.integers(1, 4),
)
def test_what_is_used_new_or_named_by_hand_never_goes(
    tags: list[Tagged],
    inside: dict[str, list[str]],
    times: dict[str, str],
    used: frozenset[str],
    keep_last: int,
) -> None:
    tags = [
        Tagged(each.tag, each.digest, {}, times.get(each.tag, ""), tuple(inside.get(each.digest, ())))
        for each in tags
    ]
    found = retention(tags, used, keep_last)
    kept = [each for each, _ in found.kept]
    assert sorted(each.tag for each in (*kept, *found.goes)) == sorted(each.tag for each in tags)
    assert all(each.digest not in used for each in found.goes)
    assert all(each.tag not in ("v1", "latest", "cache") for each in found.goes)
    ours = [each for each in tags if each.tag[0] == "0"]
    assert len([each for each in kept if each.tag[0] == "0"]) >= min(keep_last, len(ours))
    newest = max((each.created for each in ours), default="")
    assert all(any(each.created >= newest for each in kept) for _ in found.goes)
    needed = {digest for each in kept for digest in each.all_manifests}
    assert needed.isdisjoint(found.manifests)
    assert {each.digest for each in found.goes} <= set(found.manifests)
