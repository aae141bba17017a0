"""What stands in the way of a build: told with reason and exit code, and nothing kept that could roll out."""

import base64
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from as_a_user import User
from made import Pusher, right
from workshop import builder, innermost, registry

PASSWORD = "correct horse"
HASHED = "$2b$05$8FCvADxJrBEYLyGlnNsYgeJxusiRvQ6i25b1WJ.2A85ehtsysStAa"
BEGUN_SECONDS = 300.0
GONE_SECONDS = 60.0
pytestmark = [pytest.mark.needs("images", "docker", "git"), pytest.mark.timeout(1500)]


@dataclass(frozen=True)
class SecondBuilder:
    """A buildkitd of one test's own that has built nothing yet."""

    name: str
    process: Any

    def signal(self, number: signal.Signals) -> None:
        os.kill(innermost(self.process), number)


@pytest.fixture
def second_builder(workshop: Any, tmp_path: Path) -> Iterator[Callable[[Path], SecondBuilder]]:
    """second_builder(folder) keeps what it builds in that folder."""
    with ExitStack() as stack:

        def start(state: Path) -> SecondBuilder:
            name = f"second-{tmp_path.name.replace('_', '-').lower()}"
            made = builder(workshop, name, tmp_path / "second", state)
            return SecondBuilder(name, stack.enter_context(made))

        yield start


def test_a_builder_that_goes_half_way_is_told(
    user: User, second_builder: Callable[[Path], SecondBuilder], tmp_path: Path
) -> None:
    second = second_builder(tmp_path / "state")
    with user.begins("images", builder=second.name) as kvx:
        until_installing(user, kvx)
        second.signal(signal.SIGKILL)
        _, talk = kvx.communicate(timeout=300)
    assert (kvx.returncode, last_words(talk)) == (3, f"the builder {second.name} does not answer")
    assert not user.kept.exists()


def test_a_build_ends_when_asked_to_and_leaves_nothing_running(
    user: User, second_builder: Callable[[Path], SecondBuilder], tmp_path: Path
) -> None:
    second = second_builder(tmp_path / "state")
    with user.begins("images", builder=second.name) as kvx:
        until_installing(user, kvx)
        builds = children(kvx.pid)
        kvx.send_signal(signal.SIGINT)
        _, talk = kvx.communicate(timeout=300)
    assert (kvx.returncode, last_words(talk)) == (
        130,
        "stopped the build on request; what was built is remembered",
    )
    assert builds
    until_gone(builds)
    assert not user.kept.exists()


def children(pid: int) -> list[int]:
    """What a process has started, and what that has."""
    own: list[int] = []
    with suppress(OSError):  # it has just ended
        for file in Path(f"/proc/{pid}/task").glob("*/children"):
            own += map(int, file.read_text().split())
    return [*own, *(each for child in own for each in children(child))]


def until_gone(pids: list[int]) -> None:
    """What is killed may end a moment after whoever killed it."""
    end = time.monotonic() + GONE_SECONDS
    while left := [pid for pid in pids if Path(f"/proc/{pid}").exists()]:
        assert time.monotonic() < end, left
        time.sleep(0.1)


def until_installing(user: User, kvx: Any) -> None:
    """The builder has begun to install packages, and is far from done."""
    end = time.monotonic() + BEGUN_SECONDS
    while not (user.log.exists() and '"install"' in user.log.read_text().replace("\\", "")):
        assert kvx.poll() is None, kvx.communicate()
        assert time.monotonic() < end
        time.sleep(0.1)


def last_words(talk: str) -> str:
    """What happened, from the line before the fix."""
    *_, what, fix = talk.splitlines()
    assert fix.startswith("fix: ")
    return what


def test_a_builder_that_hangs_is_given_up_at_the_deadline(
    user: User, second_builder: Callable[[Path], SecondBuilder], tmp_path: Path
) -> None:
    second = second_builder(tmp_path / "state")
    second.signal(signal.SIGSTOP)
    try:
        ended = user.types("images", builder=second.name, deadline_seconds=4)
    finally:
        second.signal(signal.SIGCONT)
    assert ended.returncode == 1
    assert last_words(ended.stderr) == "the build did not end in time"
    assert not user.kept.exists()


@pytest.mark.needs("tmpfs")
def test_a_builder_whose_disk_is_full_is_told(
    user: User, second_builder: Callable[[Path], SecondBuilder], disk_of: Callable[[str], Path]
) -> None:
    second = second_builder(disk_of("32m"))
    ended = user.types("images", builder=second.name)
    assert ended.returncode == 1
    assert last_words(ended.stderr).startswith("the disk of the builder is full: ")
    assert ended.stderr.splitlines()[-1] == f"fix: docker buildx prune --builder {second.name}"
    assert not user.kept.exists()


def test_a_builder_that_is_not_there_is_told(user: User) -> None:
    ended = user.types("images", builder="gone")
    assert (ended.returncode, last_words(ended.stderr)) == (3, "the builder gone does not answer")
    assert not user.kept.exists()


def test_a_registry_that_is_down_is_told_before_anything_is_built(user: User) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    ended = user.types("images", repository=f"localhost:{port}/phase")
    assert ended.returncode == 3
    assert f"the registry at http://localhost:{port} cannot be reached" in ended.stderr
    assert not user.log.exists()


@pytest.mark.needs("tmpfs")
def test_a_registry_that_is_full_is_told(user: User, disk_of: Callable[[str], Path]) -> None:
    with registry(disk_of("24m")) as small:
        ended = user.types("images", repository=f"{small.name}/phase")
    assert ended.returncode == 1
    assert last_words(ended.stderr).startswith(f"{small.name} answers 500 ")
    assert "may be full" in last_words(ended.stderr)
    assert not user.kept.exists()


def test_a_registry_that_wants_a_login_is_told_and_opens_to_the_one_that_docker_keeps(
    user: User, registry_with: Callable[[str], Any], tmp_path: Path
) -> None:
    (tmp_path / "htpasswd").write_text(f"kvx:{HASHED}\n")
    closed = registry_with(f"auth: {{htpasswd: {{realm: tests, path: {tmp_path / 'htpasswd'}}}}}")
    refused = user.types("images", repository=f"{closed.name}/phase")
    assert refused.returncode == 3
    assert refused.stderr.splitlines()[-1] == f"fix: docker login {closed.name}"
    assert not user.log.exists()
    auth = base64.b64encode(f"kvx:{PASSWORD}".encode()).decode()
    user.docker.write_text(json.dumps({"auths": {closed.name: {"auth": auth}}}))
    let_in = user.types("images", repository=f"{closed.name}/phase", platforms=["linux/amd64"])
    assert let_in.returncode == 0, let_in.stderr
    assert PASSWORD not in let_in.stderr + user.log.read_text() + user.kept.read_text()


def test_what_cannot_be_proven_is_not_kept_and_a_tag_that_was_moved_since_is_refused(
    user: User, workshop: Any
) -> None:
    ended = user.types("images", largest_mb=1)
    assert ended.returncode == 1
    assert "must not roll out: linux/a" in ended.stderr
    assert not user.kept.exists()
    built = json.loads((user.log.parent / "built.json").read_text())["images"]["voice-api"]
    named, _, digest = built.partition("@")
    pusher = Pusher(f"http://{workshop.registry}/v2", "phase/voice-api")
    another = pusher.index(named.rpartition(":")[2], right("arm64"), right("amd64"))
    assert another != digest
    moved = user.types("images")
    assert moved.returncode == 4
    assert f"{built} was moved: " in moved.stderr
    assert another in moved.stderr
    assert not user.kept.exists()


def test_a_base_without_python_is_told_by_its_own_words(user: User, workshop: Any) -> None:
    Pusher(f"http://{workshop.registry}/v2", "base/bare").index("1", right("arm64"), right("amd64"))
    ended = user.types("images", base=f"{workshop.registry}/base/bare:1")
    assert ended.returncode == 1
    assert "the build failed: " in ended.stderr
    assert "the base image has no Python 3.11" in ended.stderr
