"""What must hold of an image, asked of images in a real registry that are right and wrong in every way."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from made import LABELS, Pusher, elf, right

Kvx = Callable[..., "subprocess.CompletedProcess[str]"]
ARM, AMD = right("arm64"), right("amd64")
pytestmark = pytest.mark.needs("images")


@dataclass(frozen=True)
class Verified:
    """What kvx images verify told."""

    exit_code: int
    kinds: list[str]
    told: dict[str, Any]
    stderr: str


@pytest.fixture
def pusher(local_registry: Any, request: pytest.FixtureRequest) -> Pusher:
    """A repository of this test's own."""
    return Pusher(local_registry.url, f"tests/{request.node.originalname.replace('_', '-')[:60].strip('-')}")


@pytest.fixture
def verify(local_registry: Any, tmp_path: Path) -> Callable[..., Verified]:
    """verify(pusher, "tag", flags...) asks kvx, as a program."""

    def run(pusher: Pusher, wanted: str, *flags: str) -> Verified:
        name = f"{local_registry.name}/{pusher.repository}{wanted}"
        command = ["images", "verify", name, "--json", "--folder", str(tmp_path), *flags]
        program = [sys.executable, "-c", "from kvx.main import run; run()", *command]
        done = subprocess.run(program, capture_output=True, text=True, timeout=120, check=False)
        told = json.loads(done.stdout)
        found = [each["kind"] for image in told.get("images", ()) for each in image["findings"]]
        return Verified(done.returncode, found, told, done.stderr)

    return run


def test_an_image_that_is_right_may_roll_out(pusher: Pusher, verify: Callable[..., Verified]) -> None:
    digest = pusher.index("good", ARM, AMD)
    verified = verify(pusher, ":good", "--revision", LABELS["org.opencontainers.image.revision"])
    assert (verified.exit_code, verified.kinds) == (0, [])
    assert verified.told["images"][0]["digest"] == digest
    assert list(verified.told["images"][0]["platforms"]) == ["linux/amd64", "linux/arm64"]


WRONG = {
    "platform_mislabelled": ARM.but(says_architecture="amd64"),
    "foreign_program": ARM.but(files={**ARM.files, "usr/lib/library.so": elf("amd64")}),
    "no_program": ARM.but(files={"etc/os-release": b""}),
    "no_health_check": ARM.but(health=("NONE",)),
    "label_missing": ARM.but(labels={**LABELS, "org.opencontainers.image.source": ""}),
    "set_identity": ARM.but(modes={"usr/bin/program": 0o4755}),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_wrong_with_one_platform_is_found(
    pusher: Pusher, verify: Callable[..., Verified], kind: str
) -> None:
    pusher.index("wrong", WRONG[kind], AMD)
    verified = verify(pusher, ":wrong")
    assert (verified.exit_code, verified.kinds) == (1, [kind])
    assert verified.told["images"][0]["findings"][0]["platform"] == "linux/arm64"


@pytest.mark.parametrize("user", ["", "root", "0", "0:0", "nonroot", "00"])
def test_a_user_that_may_be_root_is_found(pusher: Pusher, verify: Callable[..., Verified], user: str) -> None:
    pusher.index("root", ARM.but(user=user), AMD)
    assert verify(pusher, ":root").kinds == ["runs_as_root"]


SECRETS = {
    "app/.env": b"TOKEN=1",
    "root/.docker/config.json": b"{}",
    "opt/key.txt": b"-----BEGIN OPENSSH PRIVATE KEY-----\n",
    "etc/tls.pem": b"-----BEGIN PRIVATE KEY-----\n",
}


@pytest.mark.parametrize("path", SECRETS)
def test_a_secret_in_a_layer_is_found(pusher: Pusher, verify: Callable[..., Verified], path: str) -> None:
    pusher.index("secret", ARM.but(files={**ARM.files, path: SECRETS[path]}), AMD)
    verified = verify(pusher, ":secret")
    assert verified.kinds == ["secret"]
    assert f"/{path}" in verified.told["images"][0]["findings"][0]["words"]


def test_an_index_without_arm64_is_refused(pusher: Pusher, verify: Callable[..., Verified]) -> None:
    pusher.index("half", AMD)
    verified = verify(pusher, ":half")
    assert (verified.exit_code, verified.kinds) == (1, ["platform_missing"])
    words = verified.told["images"][0]["findings"][0]["words"]
    assert words == "the index has linux/amd64 and lacks linux/arm64"
    assert verify(pusher, ":half", "--platform", "linux/amd64").kinds == []


def test_the_image_of_a_single_platform_is_no_index(pusher: Pusher, verify: Callable[..., Verified]) -> None:
    pusher.alone("single", ARM)
    verified = verify(pusher, ":single")
    assert (verified.exit_code, verified.kinds) == (1, ["no_index"])


def test_a_program_of_another_processor_is_named(pusher: Pusher, verify: Callable[..., Verified]) -> None:
    files = {f"opt/{number}.so": elf("amd64") for number in range(5)}
    pusher.index("foreign", ARM.but(files={**ARM.files, **files}), AMD)
    words = verify(pusher, ":foreign").told["images"][0]["findings"][0]["words"]
    assert "/opt/0.so (amd64), /opt/1.so (amd64), /opt/2.so (amd64) and 2 more" in words


def test_size_is_held_to_its_budget(pusher: Pusher, verify: Callable[..., Verified]) -> None:
    import random

    noise = random.Random(1).randbytes(1_200_000)
    pusher.index("large", ARM.but(files={**ARM.files, "noise": noise}), AMD)
    assert verify(pusher, ":large", "--largest", "1").kinds == ["too_large"]
    assert verify(pusher, ":large", "--largest", "2").kinds == []


def test_an_image_of_another_revision_is_refused(pusher: Pusher, verify: Callable[..., Verified]) -> None:
    pusher.index("old", ARM, AMD)
    assert verify(pusher, ":old", "--revision", "1234567").kinds == ["another_revision"] * 2


def test_a_tag_that_was_moved_is_refused(pusher: Pusher, verify: Callable[..., Verified]) -> None:
    before = pusher.index("moved", ARM, AMD)
    assert verify(pusher, f":moved@{before}").exit_code == 0
    after = pusher.index("moved", ARM.but(files={**ARM.files, "more": b""}), AMD)
    verified = verify(pusher, f":moved@{before}")
    assert verified.exit_code == 4
    assert after in verified.told["error"]
    assert verify(pusher, f"@{before}").exit_code == 0


def test_digests_are_kept_only_of_what_is_right(
    pusher: Pusher, verify: Callable[..., Verified], tmp_path: Path
) -> None:
    file = tmp_path / ".kvx" / "cluster" / "images.json"
    pusher.index("bad", ARM.but(user="0"), AMD)
    verify(pusher, ":bad", "--keep")
    assert not file.exists()
    digest = pusher.index("good", ARM, AMD)
    verify(pusher, ":good", "--keep")
    (kept,) = json.loads(file.read_text())["images"].values()
    assert kept["reference"].endswith(f":good@{digest}")
    assert set(kept["platforms"]) == {"linux/arm64", "linux/amd64"}


def test_what_was_kept_is_verified_again_by_digest_and_tag(
    pusher: Pusher, verify: Callable[..., Verified], tmp_path: Path, kvx_images: Kvx
) -> None:
    pusher.index("kept", ARM, AMD)
    verify(pusher, ":kept", "--keep")
    assert kvx_images("verify").returncode == 0
    pusher.index("kept", AMD)
    again = kvx_images("verify")
    assert again.returncode == 4
    assert "was moved" in again.stderr


@pytest.fixture
def kvx_images(tmp_path: Path) -> Kvx:
    """kvx images WORDS in the test's folder."""

    def run(*words: str) -> "subprocess.CompletedProcess[str]":
        program = [sys.executable, "-c", "from kvx.main import run; run()", "images", *words]
        return subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)

    return run


def test_without_a_kept_image_there_is_nothing_to_verify(kvx_images: Kvx) -> None:
    done = kvx_images("verify")
    assert done.returncode == 3
    assert done.stderr.splitlines()[1] == "fix: kvx images verify REFERENCE --keep"


def test_the_tags_of_a_repository_are_listed_with_their_sizes(
    pusher: Pusher, local_registry: Any, kvx_images: Kvx
) -> None:
    digest = pusher.index("one", ARM, AMD)
    pusher.alone("two", ARM)
    done = kvx_images("list", f"{local_registry.name}/{pusher.repository}")
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    name = pusher.repository.rpartition("/")[2]
    assert first.split()[:2] == [f"{name}:one", digest]
    assert "linux/amd64 0.0 MB, linux/arm64 0.0 MB" in first
    assert second.endswith("linux/arm64 0.0 MB")
