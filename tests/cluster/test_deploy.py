"""kvx deploy --target cluster on a real node: from nothing to served, and again without a write."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kvx.images.record import Proven, written
from kvx.images.reference import Reference

pytestmark = [pytest.mark.needs("node", "images", "kubectl"), pytest.mark.timeout(600)]

SECONDS = 400.0
AGENT = "kvx/"
# What is a question, though its verb is create.
ASKED = ("reviews", "/portforward", "/exec")


class Person:
    """Somebody who types kvx in a folder, for the cluster of the node."""

    def __init__(self, node: Any, folder: Path, image: str) -> None:
        self.node, self.folder = node, folder
        name, _, digest = image.partition("@")
        registry, _, repository = name.partition("/")
        proven = Proven(Reference(registry, repository, "tests", digest), "0123456789ab", {})
        kept = folder / ".kvx" / "cluster" / "images.json"
        kept.parent.mkdir(parents=True)
        kept.write_text(written({"voice-api": proven}))
        self.sets("")

    def sets(self, more: str) -> None:
        head = f'target = "cluster"\n[kubernetes]\nkubeconfig = "{self.node.kubeconfig}"\n'
        (self.folder / "kvx.toml").write_text(head + more)

    def types(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        own = {name: value for name, value in os.environ.items() if not name.startswith("KVX_")}
        program = [sys.executable, "-c", "from kvx.main import run; run()", *arguments]
        return subprocess.run(
            program, cwd=self.folder, env=own, capture_output=True, text=True, timeout=SECONDS, check=False
        )

    def deploys(self) -> dict[str, Any]:
        """What the last line of --json says of a deploy that ended well."""
        done = self.types("deploy", "--from", "manifests", "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return told

    def writes(self) -> list[str]:
        """All that kvx has changed in the cluster so far, as the API server has written it down."""
        time.sleep(1)  # what was answered is written down just after
        lines = Path(self.node.audit_log).read_text().splitlines()
        entries = [json.loads(line) for line in lines]
        return [
            f"{each['verb']} {each['requestURI']}"
            for each in entries
            if str(each.get("userAgent", "")).startswith(AGENT)
            and each["verb"] not in {"get", "list", "watch"}
            and "dryRun=All" not in each["requestURI"]
            and not any(asked in each["requestURI"] for asked in ASKED)
        ]


@pytest.fixture(scope="module")
def person(node: Any, voice_api_image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    """Nothing is deployed yet."""
    node.kubectl("delete", "namespace", "kvx", "--ignore-not-found", seconds=200)
    somebody = Person(node, tmp_path_factory.mktemp("deploys"), voice_api_image)
    yield somebody
    somebody.types("cleanup", "--yes")


def test_from_nothing_to_a_spoken_question_answered_and_again_without_a_write(person: Person) -> None:
    first = person.deploys()
    assert first["changed"] is True
    assert first["data"]["heard"] == "how many pods are not ready"
    assert person.writes(), "it was told by whom"
    before = len(person.writes())
    again = person.deploys()
    assert again["changed"] is False
    assert again["data"]["heard"] == "how many pods are not ready"
    assert person.writes()[before:] == []


def test_one_changed_setting_changes_only_its_objects(person: Person) -> None:
    person.deploys()
    before = len(person.writes())
    person.sets('memory_quota = "5Gi"\n')
    shown = person.types("kubernetes", "diff")
    assert shown.returncode == 4, shown.stderr
    assert shown.stdout.splitlines()[-1] == "1 changed"
    person.deploys()
    changed = [each for each in person.writes()[before:] if each.startswith("patch")]
    assert len(changed) == 1, changed
    assert "/resourcequotas/voice-api" in changed[0]


def test_cleanup_leaves_nothing_of_it(person: Person) -> None:
    person.deploys()
    done = person.types("cleanup", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    kinds = "namespaces,clusterroles,clusterrolebindings,priorityclasses"
    found = person.node.kubectl("get", kinds, "-l", "app.kubernetes.io/part-of=kvx", "-o", "name")
    assert found.split() == []
    assert not (person.folder / ".kvx").exists()
