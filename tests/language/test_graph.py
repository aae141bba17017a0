"""The graph of words reads what hassil reads by the same templates; tests/bench/commands.py measures it."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

import hassil
import pytest
from hassil.parser import ParseError

from voice_api.commands.grammar import ENGLISH, OPERATIONS, Grammar, Reading, load_grammar
from voice_api.commands.normalise import normalise


def _noise() -> ModuleType:
    spec = spec_from_file_location("noise", Path(__file__).with_name("test_noise.py"))
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


NOISE = _noise()
SET = NOISE.SET
GRAMMAR = load_grammar((ENGLISH, *OPERATIONS))


def as_hassil_reads(words: str) -> set[tuple[str, ...]]:
    """By hassil's own matcher; a slot that begins or ends within a word, or with "the", is none of ours."""
    found = set()
    for match in hassil.recognize_all(words, GRAMMAR.intents):
        slots = {
            name: (str(each.value) if not each.is_wildcard else each.text.strip().removeprefix("the "))
            for name, each in match.entities.items()
        }
        wild = [slots[name] for name, each in match.entities.items() if each.is_wildcard]
        if all(f" {text} " in f" {words} " and text != "the" and not text.endswith(" the") for text in wild):
            found.add((match.intent.name, *(f"{name}={text}" for name, text in sorted(slots.items()))))
    return found


def as_read(readings: tuple[Reading, ...]) -> set[tuple[str, ...]]:
    return {
        (each.intent, *(f"{name}={text}" for name, text in sorted({**each.slots, **each.unheard}.items())))
        for each in readings
    }


def test_the_graph_reads_what_hassil_reads() -> None:
    chance = Random(5)
    said = [said for said, _ in SET.SAID]
    read = 0
    for text in (*said, *SET.HOSTILE, *(NOISE.noisy(each, chance) for each in said)):
        words = normalise(text)
        ours, others = as_read(GRAMMAR.every_reading(words)), as_hassil_reads(words)
        assert others <= ours
        # "the" may stand anywhere, which hassil's templates do not say.
        assert ours == others or "the" in words.split(), words
        read += len(others)
    assert read > len(said)


def grammar(sentence: str, **parts: Any) -> Grammar:
    return Grammar({"language": "en", "intents": {"it": {"data": [{"sentences": [sentence]}]}}, **parts})


@pytest.mark.parametrize(
    ("template", "words", "slots"),
    [
        ("list pod[s]", "list pod", {}),
        ("list pod[s]", "list pods", {}),
        ("(now;here) list", "here now list", {}),
        ("(show|list) [all] {kind}", "list all cron jobs", {"kind": "cron_jobs"}),
        ("(show|list) [all] {kind}", "show jobs", {"kind": "jobs"}),
        ("<list> it", "show it", {}),
        ("list {any} in the {place}", "list the a b in the c", {"any": "a b", "place": "c"}),
    ],
)
def test_templates_mean_what_they_say(template: str, words: str, slots: dict[str, str]) -> None:
    jobs = [{"in": "cron jobs", "out": "cron_jobs"}, {"in": "jobs", "out": "jobs"}]
    lists = {"kind": {"values": jobs}, "any": {"wildcard": True}, "place": {"wildcard": True}}
    found = grammar(template, lists=lists, expansion_rules={"list": "(list|show)"}).every_reading(words)
    assert [{**each.slots, **each.unheard} for each in found] == [slots]


@pytest.mark.parametrize("words", ["list", "list podss", "pods list", "list list pods", ""])
def test_what_no_template_says_is_not_read(words: str) -> None:
    assert grammar("list pod[s]").every_reading(words) == ()


def test_a_rule_that_leads_back_to_itself_is_refused() -> None:
    with pytest.raises(ParseError, match="<a> leads back to itself"):
        grammar("say <a>", expansion_rules={"a": "x <b>", "b": "[y] <a>"})


def test_a_word_that_yaml_takes_for_something_else_is_refused() -> None:
    with pytest.raises(TypeError, match="quotation marks"):
        grammar("say it", heard_exactly=[False])
