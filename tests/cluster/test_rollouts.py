"""New versions that do not serve: told in words while the old one answers, and undone; and the way back."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kvx.images.record import Proven, written
from kvx.images.reference import Reference

pytestmark = [pytest.mark.needs("node", "images", "kubectl"), pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
DEADLINE, SOON = 170, 90
SECONDS = 300.0
DEPLOYMENT = ("-n", "kvx", "get", "deployment", "voice-api", "-o", "json")
POD = "/spec/template/spec/containers/0"
ABSENT = {
    "name": "KVX_VOICE_X",
    "valueFrom": {"configMapKeyRef": {"name": "kube-root-ca.crt", "key": "absent"}},
}
# What is wrong with a new version, and what a person reads about it.
BROKEN = {
    "crash": (
        {"op": "replace", "path": f"{POD}/args", "value": ["serve", "--log-level=loud"]},
        (
            "ended with exit code 2",
            "its log ends with \"voice-api: log_level in command line is 'loud'\"",
            "fix: use one of: debug, info",
        ),
    ),
    "configuration": (
        {"op": "add", "path": f"{POD}/env", "value": [ABSENT]},
        ("couldn't find key absent in ConfigMap kvx/kube-root-ca.crt",),
    ),
    "probe": (
        {"op": "replace", "path": f"{POD}/readinessProbe/httpGet/path", "value": "/nowhere"},
        ("readiness probe failed", "404"),
    ),
}
ASKING = """
import json, time
from urllib.request import Request, urlopen
asked, wrong = 0, []
while True:
    try:
        body = json.dumps({"text": "how many nodes are there"}).encode()
        wish = Request("http://ADDRESS/v1/commands", body, {"content-type": "application/json"})
        with urlopen(wish, timeout=60) as answer:
            assert json.loads(answer.read())["intent"], "no intent"
    except Exception as error:
        wrong.append(f"{type(error).__name__}: {error}")
    asked += 1
    print(json.dumps({"asked": asked, "failed": len(wrong), "first": wrong[:3]}), flush=True)
    time.sleep(0.1)
"""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who types commands of kvx in a folder, about the cluster of the node."""

    node: Any
    folder: Path
    image: str

    def types(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        own = {name: value for name, value in os.environ.items() if not name.startswith("KVX_")}
        program = [sys.executable, "-c", "from kvx.main import run; run()", *arguments]
        return subprocess.run(
            program, cwd=self.folder, env=own, capture_output=True, text=True, timeout=SECONDS, check=False
        )

    def wants(self, *changes: dict[str, Any], digest: str | None = None, deadline: int = DEADLINE) -> None:
        """Settings, an overlay with these changes to the Deployment, and the image that was proven."""
        settings = f'target = "cluster"\n[kubernetes]\nkubeconfig = "{self.node.kubeconfig}"\n'
        settings += f'overlay = "overlay"\ndeadline_seconds = {deadline}\n'
        (self.folder / "kvx.toml").write_text(settings)
        overlay = self.folder / "overlay"
        overlay.mkdir(exist_ok=True)
        patch = {"target": {"kind": "Deployment"}, "patch": json.dumps(changes)}
        shipped = os.path.relpath(ROOT / "k8s" / "overlays" / "cluster", overlay.resolve())
        content = {"resources": [shipped], "patches": [patch] if changes else []}
        (overlay / "kustomization.yaml").write_text(json.dumps(content))  # JSON is YAML
        name, _, there = self.image.partition("@")
        registry, _, repository = name.partition("/")
        proven = Proven(Reference(registry, repository, "tests", digest or there), "0123456789ab", {})
        kept = self.folder / ".kvx" / "cluster"
        kept.mkdir(parents=True, exist_ok=True)
        (kept / "images.json").write_text(written({"voice-api": proven}))

    def releases(self) -> list[dict[str, Any]]:
        """Newest first."""
        told = self.types("releases", "--json")
        assert told.returncode == 0, told.stderr
        found: list[dict[str, Any]] = json.loads(told.stdout)["releases"]
        return found

    def template(self) -> dict[str, Any]:
        """What the Deployment's pods are made from now."""
        found: dict[str, Any] = json.loads(self.node.kubectl(*DEPLOYMENT))["spec"]["template"]
        return found


class Questions:
    """A pod that asks the Service all the time, from a namespace of clients."""

    def __init__(self, node: Any, space: str) -> None:
        self.node, self.space = node, space

    def told(self) -> dict[str, Any]:
        lines = self.node.kubectl("-n", self.space, "logs", "asking-on", "--tail=1").splitlines()
        told: dict[str, Any] = json.loads(lines[-1]) if lines else {"asked": 0, "failed": 0}
        return told


@pytest.fixture(scope="module")
def person(
    emptied: Callable[[], Any], voice_api_image: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Person]:
    """A first release serves."""
    somebody = Person(emptied(), tmp_path_factory.mktemp("rollouts"), voice_api_image)
    somebody.wants()
    done = somebody.types("kubernetes", "apply")
    assert done.returncode == 0, done.stdout + done.stderr
    yield somebody
    gone = somebody.types("cleanup", "--yes")
    assert gone.returncode == 0, gone.stdout + gone.stderr


@pytest.fixture(scope="module")
def questions(person: Person, asking: Any) -> Iterator[Questions]:
    pods, node = sys.modules["pods_that_ask"], person.node
    address = json.loads(node.kubectl("-n", "kvx", "get", "service", "voice-api", "-o", "json"))["spec"][
        "clusterIP"
    ]
    program = ASKING.replace("ADDRESS", address)
    pods.made(node, pods.pod("asking-on", pods.CLIENT, person.image, {}, program))
    yield Questions(node, pods.CLIENT)
    node.kubectl("-n", pods.CLIENT, "delete", "pod", "asking-on")


def fails_and_is_undone(person: Person, questions: Questions) -> str:
    """The words of an apply that failed, while the old version answered on and was put back."""
    before, releases, template = questions.told(), person.releases(), person.template()
    done = person.types("kubernetes", "apply")
    after = questions.told()
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"release {releases[0]['revision']} serves again" in done.stderr
    assert person.template() == template
    assert person.releases() == releases
    assert after["asked"] > before["asked"] + 5, "nobody asked meanwhile, so nothing is shown"
    assert after["failed"] == before["failed"], after["first"]
    return done.stderr


@pytest.mark.parametrize("kind", BROKEN)
def test_what_is_broken_is_told_in_words_and_undone_while_the_old_version_answers(
    person: Person, questions: Questions, kind: str
) -> None:
    change, expected = BROKEN[kind]
    person.wants(change, deadline=SOON if kind == "probe" else DEADLINE)
    told = fails_and_is_undone(person, questions)
    assert all(words in told for words in expected), told


def test_an_image_that_nobody_has_is_told_by_name_and_undone(person: Person, questions: Questions) -> None:
    digest = f"sha256:{'f' * 64}"
    person.wants(digest=digest)
    told = fails_and_is_undone(person, questions)
    assert f"cannot get its image localhost/voice-api@{digest}" in told


def test_a_quota_without_room_is_named_with_what_is_lacking_and_undone(
    person: Person, questions: Questions
) -> None:
    person.node.kubectl("-n", "kvx", "create", "quota", "tight", "--hard=pods=2")
    try:
        person.wants(
            {"op": "replace", "path": "/spec/template/spec/terminationGracePeriodSeconds", "value": 141}
        )
        told = fails_and_is_undone(person, questions)
    finally:
        person.node.kubectl("-n", "kvx", "delete", "quota", "tight")
    assert "the quota tight has no room for another pod: pods 1 more, with 2 of 2 used" in told


def test_a_rollback_shows_the_difference_asks_and_is_a_release_of_its_own(
    person: Person, questions: Questions
) -> None:
    first, template = person.releases()[0], person.template()
    person.wants({"op": "replace", "path": "/spec/template/spec/terminationGracePeriodSeconds", "value": 150})
    done = person.types("kubernetes", "apply")
    assert done.returncode == 0, done.stdout + done.stderr
    second = person.releases()[0]
    assert second["revision"] == first["revision"] + 1
    before = questions.told()

    shown = person.types("rollback", "--dry-run")
    assert shown.returncode == 0, shown.stderr
    assert "-      terminationGracePeriodSeconds: 150" in shown.stdout
    unanswered = person.types("rollback")
    assert unanswered.returncode == 3, unanswered.stdout + unanswered.stderr
    assert person.releases()[0] == second

    back = person.types("rollback", "--yes")
    assert back.returncode == 0, back.stdout + back.stderr
    third = person.releases()[0]
    assert (third["revision"], third["rollback_of"]) == (second["revision"] + 1, first["revision"])
    assert third["configuration"] == first["configuration"]
    assert person.template()["spec"] == template["spec"]
    assert questions.told()["failed"] == before["failed"], questions.told()["first"]


def test_back_to_what_is_there_already_changes_nothing(person: Person) -> None:
    there = person.releases()
    version = json.loads(person.node.kubectl(*DEPLOYMENT))["metadata"]["resourceVersion"]
    same = person.types("rollback", str(there[0]["revision"]), "--yes")
    assert same.returncode == 0, same.stderr
    assert "Nothing had to be changed" in same.stdout
    assert json.loads(person.node.kubectl(*DEPLOYMENT))["metadata"]["resourceVersion"] == version
    assert person.releases() == there


def test_a_verification_shows_every_line(person: Person) -> None:
    done = person.types("verify", "--json")
    document = json.loads(done.stdout)
    results = {each["name"]: each["result"] for each in document["findings"]}
    assert set(results.values()) == {"pass"}, document["findings"]
    assert {
        "ready",
        "images",
        "architecture",
        "sentence",
        "endpoints",
        "service",
        "policies",
    } < results.keys()
    assert {"name", "figures", "quota", "pod security", "rights"} < results.keys()
    assert done.returncode == 0, done.stderr
    left = json.loads(person.node.kubectl("-n", "kvx", "get", "pods", "-l", "kvx/verify", "-o", "json"))
    assert not [pod for pod in left["items"] if "deletionTimestamp" not in pod["metadata"]]


def test_what_is_not_in_force_any_more_fails_its_line(person: Person) -> None:
    loose = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "privileged"}}}
    node = person.node
    node.kubectl("-n", "kvx", "delete", "resourcequota", "voice-api")
    node.kubectl("patch", "namespace", "kvx", "--type=merge", "-p", json.dumps(loose))
    node.kubectl("delete", "clusterrolebinding", "kvx-voice-api-reader")
    done = person.types("verify", "--json")
    results = {each["name"]: each["result"] for each in json.loads(done.stdout)["findings"]}
    assert (results["quota"], results["pod security"]) == ("fail", "fail")
    assert (results["sentence"], results["endpoints"]) == ("fail", "pass"), "it hears, and may not count"
    assert done.returncode == 1


def test_a_first_release_that_fails_is_left_to_be_looked_at(
    nothing_deployed: Any, voice_api_image: str, tmp_path: Path
) -> None:
    newcomer = Person(nothing_deployed, tmp_path, voice_api_image)
    newcomer.wants(BROKEN["configuration"][0])
    done = newcomer.types("kubernetes", "apply")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "nothing served before" in done.stderr
    assert "kvx cleanup" in done.stderr
    assert newcomer.template()["spec"]["containers"][0]["env"] == [ABSENT]
    gone = newcomer.types("cleanup", "--yes")
    assert gone.returncode == 0, gone.stdout + gone.stderr
    assert nothing_deployed.tried("get", "namespace", "kvx").returncode != 0
