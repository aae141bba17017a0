"""The drill: deployed, backed up, the namespace deleted, restored, and it answers as before."""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kvx.images.record import Proven, written
from kvx.images.reference import Reference

pytestmark = [pytest.mark.needs("node", "images", "kubectl"), pytest.mark.timeout(600)]

Kvx = Callable[..., subprocess.CompletedProcess[str]]
SECONDS = 300.0
RELEASES = ("-n", "kvx", "get", "configmaps", "-l", "kvx/release", "-o", "name")


@pytest.fixture
def typed(
    kvx: Kvx, all_answer: Any, nothing_deployed: Any, voice_api_image: str, tmp_path: Path
) -> Iterator[Callable[..., str]]:
    """A command of kvx about the node's cluster, with the image that is on it; gives what it printed."""
    (tmp_path / "kvx.toml").write_text(f'[kubernetes]\nkubeconfig = "{nothing_deployed.kubeconfig}"\n')
    name, _, digest = voice_api_image.partition("@")
    registry, _, repository = name.partition("/")
    images = {"voice-api": Proven(Reference(registry, repository, "tests", digest), "0123456789ab", {})}
    folder = tmp_path / ".kvx" / "cluster"
    folder.mkdir(parents=True)
    (folder / "images.json").write_text(written(images))

    def run(*arguments: str) -> str:
        def once() -> subprocess.CompletedProcess[str]:
            return kvx(*arguments, "--target", "cluster", cwd=tmp_path, timeout=SECONDS)

        done = all_answer(once) if "status" in arguments else once()
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    yield run
    nothing_deployed.kubectl("delete", "namespace", "kvx", "--ignore-not-found", seconds=200)


def result_of(lines: str) -> dict[str, Any]:
    """What a run found out, from its last line of JSON."""
    document: dict[str, Any] = json.loads(lines.splitlines()[-1])
    assert document["event"] == "result"
    return document


def test_after_the_namespace_was_deleted_a_restore_gives_the_same_answers(
    typed: Callable[..., str], nothing_deployed: Any, tmp_path: Path
) -> None:
    before = result_of(typed("kubernetes", "apply", "--json"))["data"]
    assert before["reply"]
    archive = tmp_path / "drill.tar"
    typed("backup", "--to", str(archive))
    releases = nothing_deployed.kubectl(*RELEASES)
    assert releases

    nothing_deployed.kubectl("delete", "namespace", "kvx", seconds=200)
    assert "Namespace kvx" in typed("restore", str(archive), "--dry-run")
    after = result_of(typed("restore", str(archive), "--yes", "--json"))

    assert after["changed"]
    assert {key: after["data"][key] for key in ("heard", "intent", "reply")} == {
        key: before[key] for key in ("heard", "intent", "reply")
    }
    assert nothing_deployed.kubectl(*RELEASES) == releases

    document = json.loads(typed("status", "--json"))
    assert (document["state"], document["drift"]["differences"]) == ("ready", [])
    assert "nothing differs" in typed("restore", str(archive), "--dry-run")
    assert result_of(typed("kubernetes", "apply", "--json"))["changed"] is False
