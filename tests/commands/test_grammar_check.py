"""The shipped grammar is sound, and each kind of unsound grammar is found."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from voice_api.cluster.demo import DemoCluster
from voice_api.commands.check import grammar_check, refuse_unknown
from voice_api.commands.core import CommandCore
from voice_api.commands.functions import FUNCTIONS
from voice_api.commands.grammar import ENGLISH, Grammar, load_grammar
from voice_api.commands.language.check import interpreter
from voice_api.errors import VoiceApiError

SMALL = """
language: en
intents:
  count:
    data: [{sentences: ["how many {kind} [<where>]"]}]
  unready_pods:
    data: [{sentences: ["which pods are not ready [<where>]"]}]
  list_deployments:
    data: [{sentences: ["list deployments [<where>]"]}]
lists:
  kind: {values: [pods, nodes]}
  namespace: {values: []}
expansion_rules:
  where: "in [the] {namespace}"
"""


def small() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(SMALL)
    return document


def altered(intent: str, sentence: str) -> Grammar:
    """A small sound grammar with one more sentence for an intent."""
    document = small()
    document["intents"].setdefault(intent, {"data": []})["data"].append({"sentences": [sentence]})
    return Grammar(document)


def kinds(grammar: Grammar) -> set[str]:
    return {problem.kind for problem in grammar_check(grammar)}


def test_the_shipped_grammar_has_no_problem() -> None:
    assert grammar_check() == ()
    assert kinds(Grammar(small())) == set()


def test_a_sentence_that_two_intents_know_is_a_clash() -> None:
    problems = grammar_check(altered("list_deployments", "which pods are not ready"))
    assert {problem.kind for problem in problems} == {"clash"}
    assert any("list_deployments" in problem.text and "unready_pods" in problem.text for problem in problems)


def test_a_sentence_with_two_sets_of_arguments_is_a_clash() -> None:
    document = small()
    document["lists"]["kind"]["values"].append({"in": "pods", "out": "nodes"})
    assert kinds(Grammar(document)) == {"clash"}


def test_a_slot_that_the_function_has_no_argument_for_is_found() -> None:
    assert kinds(altered("list_deployments", "list {kind}")) == {"unknown_slot"}


def test_a_sentence_that_leaves_out_a_needed_argument_is_found() -> None:
    assert kinds(altered("count", "count things")) == {"missing_argument"}


def test_an_intent_without_a_function_is_found() -> None:
    assert kinds(altered("make_coffee", "make coffee")) == {"unknown_intent"}


def test_a_function_that_nothing_leads_to_is_found() -> None:
    document = small()
    del document["intents"]["count"]
    assert kinds(Grammar(document)) == {"unsayable_function"}


@pytest.mark.parametrize("sentence", ["list deployments <nowhere>", "list deployments {namespace} {nothing}"])
def test_a_rule_or_list_that_is_missing_is_found(sentence: str) -> None:
    assert "broken_template" in kinds(altered("list_deployments", sentence))


def test_a_sentence_that_normalising_would_change_is_found() -> None:
    assert kinds(altered("list_deployments", "what's deployed, please")) == {"unheard_words"}


def test_a_grammar_that_does_not_fit_the_functions_does_not_start() -> None:
    with pytest.raises(VoiceApiError, match="no function make_coffee") as caught:
        refuse_unknown(altered("make_coffee", "make coffee"), FUNCTIONS)
    assert caught.value.code == "grammar_invalid"


def test_an_operators_file_adds_sentences(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("intents:\n  list_deployments:\n    data:\n      - sentences: [what have we got]\n")
    core = CommandCore(DemoCluster(), interpreter((own,)))
    assert core.answer("what have we got").status == "SUCCESS"
    assert core.answer("list deployments").status == "SUCCESS"


@pytest.mark.parametrize(
    "content",
    [
        "intents: [",
        "just text",
        "- a\n- list",
        "intents:\n  count:\n    data:\n      - sentences: ['(unbalanced']\n",
        "intents:\n  count:\n    data: 3\n",
        "intents: 3",
        "lists:\n  kind: 3\n",
        "\x00",
    ],
)
def test_a_broken_file_is_named_with_its_fix(tmp_path: Path, content: str) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(content)
    with pytest.raises(VoiceApiError) as caught:
        load_grammar((ENGLISH, own))
    assert caught.value.code == "grammar_invalid"
    assert "own.yaml" in caught.value.message


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(VoiceApiError, match=r"none\.yaml"):
        load_grammar((tmp_path / "none.yaml",))
