"""kvx deploy --target cluster on a real node: from nothing to served, and again without a write."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from typing_kvx import Person

pytestmark = [pytest.mark.needs("node", "images", "kubectl"), pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def person(
    emptied: Callable[[], Any], voice_api_image: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Person]:
    """Nothing is deployed yet."""
    node = emptied()
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
