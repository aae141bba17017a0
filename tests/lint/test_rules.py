"""Every rule by its own examples: the wrong one breaks it, the right one does not."""

import re
from typing import Any

import pytest
import yaml

from kvx.lint.linting import Report, lint
from kvx.lint.reading import read
from kvx.lint.rule import Rule
from kvx.lint.rules import BY_ID, GROUPS, RULES


def deployment(pod: dict[str, Any]) -> str:
    return yaml.safe_dump(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "app"},
            "spec": {"template": {"spec": pod}},
        }
    )


def whole(rule: Rule, example: str) -> str:
    """An example as a manifest: what belongs in a container or a pod is put there."""
    match rule.scope:
        case "container":
            return deployment({"containers": [{"name": "app"} | yaml.safe_load(example)]})
        case "pod":
            return deployment({"containers": [{"name": "app"}]} | yaml.safe_load(example))
    return example


def broken(report: Report) -> set[str]:
    return {each.rule for each in report.findings}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_the_wrong_example_breaks_the_rule_and_the_right_one_does_not(rule: Rule) -> None:
    assert rule.id in broken(lint([read(whole(rule, rule.wrong), "wrong.yaml")]))
    assert rule.id not in broken(lint([read(whole(rule, rule.right), "right.yaml")]))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_says_what_holds_why_and_what_to_write(rule: Rule) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", rule.id)
    assert rule.says.endswith(".")
    assert rule.why.endswith(".")
    assert rule.fix
    assert not rule.fix.endswith(".")


def test_no_two_rules_have_one_name() -> None:
    assert len(BY_ID) == len(RULES) == sum(map(len, GROUPS.values()))


def test_a_skipped_rule_is_not_asked() -> None:
    text = whole(BY_ID["host-path"], BY_ID["host-path"].wrong)
    assert "host-path" not in broken(lint([read(text, "a.yaml")], {"host-path"}))


@pytest.mark.parametrize(
    ("image", "found"),
    [
        (f"kvx.invalid/voice-api:1@sha256:{'0' * 64}", False),
        ("kvx.invalid/voice-api:1", True),
        (f"registry.example/kvx.invalid/voice-api@sha256:{'0' * 64}", True),
    ],
)
def test_an_image_that_was_loaded_onto_nodes_by_digest_is_never_pulled(image: str, found: bool) -> None:
    """A name of .invalid has no registry; where there could be one, Never is a mistake."""
    pod = {"containers": [{"name": "app", "image": image, "imagePullPolicy": "Never"}]}
    assert ("image-pull-policy" in broken(lint([read(deployment(pod), "loaded.yaml")]))) is found
