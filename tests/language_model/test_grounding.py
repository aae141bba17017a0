"""Nothing may be in a call that is not in the sentence: names, numbers and versions are held against it."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from voice_api.commands.language.check import interpreter
from voice_api.commands.language.proposals import Proposal
from voice_api.commands.registry.builtin import BUILT_IN
from voice_api.commands.registry.declaring import NoCall
from voice_api.commands.suggesting.grounding import grounded, left_over, numbers, said_as


@pytest.mark.parametrize(
    ("value", "words", "said"),
    [
        ("voice-api", "restart the voice api now", "voice api"),
        ("voice api", "restart the voice api now", "voice api"),
        ("ingest-01", "restart ingest zero one", "ingest zero one"),
        ("production", "restart cart in prod", "prod"),
        ("it", "make it bigger", "it"),
        ("Cart", "make cart bigger", "cart"),
        ("checkout", "make cart bigger", None),
        ("car", "make cart bigger", None),
        ("ingest-02", "restart ingest zero one", None),
        ("", "make cart bigger", None),
        ("$(cart)/../x", "make cart bigger", None),
    ],
)
def test_a_name_is_words_of_the_sentence_however_it_is_written(
    value: str, words: str, said: str | None
) -> None:
    assert said_as(value, words) == said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("give cart five replicas", (5,)),
        ("give cart two hundred and fifty of them", (250,)),
        ("put cart up to 12 for ten minutes", (12, 10)),
        ("add a dozen to cart", (12,)),
        ("give cart a good restart", ()),
        ("bring cart to life for me", ()),
    ],
)
def test_numbers_are_found_whole(words: str, said: tuple[int, ...]) -> None:
    assert numbers(words) == said


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("scale", {"name": "web-app", "replicas": 5}, "have the web app run five times"),
        ("scale", {"name": "web-app", "replicas": 5, "namespace": None}, "have the web app run five times"),
        ("scale", {"name": "web-app", "replicas": 5, "namespace": ""}, "have the web app run five times"),
        ("scale_times", {"name": "cart", "percent": 200}, "make cart twice as large"),
        ("scale_by", {"name": "cart", "change": -2}, "cart could do with two fewer"),
        ("set_version", {"name": "cart", "version": "1.8"}, "have cart move on to one point eight"),
        ("set_version", {"name": "cart", "version": "v1.8"}, "have cart move on to v1 8"),
        ("cordon", {"node": "edge-21"}, "keep new things off edge twenty one"),
        ("logs", {"name": "cart", "lines": 20}, "let me see what cart wrote the last twenty lines"),
        ("top", {"kind": "pods"}, "what eats the memory here"),
        ("unready_pods", {}, "anything odd around here"),
    ],
)
def test_what_was_said_is_taken(name: str, arguments: dict[str, Any], words: str) -> None:
    proposal = grounded(BUILT_IN[name], arguments, words)
    assert isinstance(proposal, Proposal), proposal
    taken = {name for name, value in arguments.items() if value not in (None, "")}
    assert proposal.values.keys() | proposal.spoken.keys() == taken


@pytest.mark.parametrize(
    ("name", "arguments", "words", "why"),
    [
        ("scale", {"name": "cart", "replicas": 50}, "have cart run five times", "replicas is not"),
        ("scale", {"name": "cart", "replicas": 0}, "put cart to sleep", "replicas is not"),
        ("scale", {"name": "cart", "replicas": 2}, "bring cart to life", "replicas is not"),
        ("scale", {"name": "cart", "replicas": 50}, "have cart run two hundred and fifty times", "replicas"),
        ("scale", {"name": "checkout", "replicas": 5}, "have cart run five times", "name is not"),
        ("scale", {"name": "cart", "replicas": True}, "have cart run one time", "int_type"),
        ("scale", {"name": "cart", "replicas": 5.0}, "have cart run five times", "int_type"),
        ("scale", {"name": "cart", "replicas": 5000}, "have cart run 5000 times", "less_than_equal"),
        ("scale", {"name": ["cart"], "replicas": 5}, "have cart run five times", "no text"),
        ("scale", {"replicas": 5}, "have cart run five times", "missing"),
        ("scale", {"name": "", "replicas": 5}, "have cart run five times", "name is not"),
        ("restart", {"name": "cart", "namespace": "shop"}, "give cart a restart", "namespace is not"),
        ("restart", {"name": "cart", "grace": 5}, "give cart five restarts", "extra_forbidden"),
        ("set_version", {"name": "cart", "version": "1.9"}, "have cart move on to 1 8", "version is not"),
        ("set_version", {"name": "cart", "version": "latest"}, "have cart move on", "version is not"),
        ("top", {"kind": "secrets"}, "which secrets are there", "literal_error"),
    ],
)
def test_what_nobody_said_is_not(name: str, arguments: dict[str, Any], words: str, why: str) -> None:
    came = grounded(BUILT_IN[name], arguments, words)
    assert isinstance(came, NoCall)
    assert why in came.why


GRAMMAR = interpreter().grammar


@pytest.mark.parametrize(
    ("name", "arguments", "words", "more"),
    [
        ("restart", {"name": "cart"}, "give cart a good restart", []),
        ("restart", {"name": "cart", "namespace": "shop"}, "would the cart in shop get a restart", []),
        ("scale", {"name": "cart", "replicas": 5}, "could cart be set so that we have five of it", []),
        ("scale_times", {"name": "cart", "percent": 200}, "could you scale cart twice", []),
        (
            "set_version",
            {"name": "cart", "version": "1.8"},
            "could cart get an update to one point eight",
            [],
        ),
        ("restart", {"name": "cart"}, "give cart a restart for ten minutes", ["for", "ten", "minutes"]),
        ("restart", {"name": "cart"}, "give cart a restart tomorrow", ["tomorrow"]),
        ("restart", {"name": "cart"}, "he wants to restart cart", ["he", "wants", "to"]),
        ("restart", {"name": "cart"}, "the log said restart cart", ["log", "said"]),
        ("restart", {"name": "cart"}, "restart cart and checkout", ["and", "checkout"]),
        ("scale", {"name": "cart", "replicas": 5}, "scale cart up five more times", ["more", "times"]),
        ("scale", {"name": "cart", "replicas": 5}, "scale cart to five not six", ["not", "six"]),
    ],
)
def test_what_a_sentence_says_beyond_a_call_is_found(
    name: str, arguments: dict[str, Any], words: str, more: list[str]
) -> None:
    proposal = grounded(BUILT_IN[name], arguments, words)
    assert isinstance(proposal, Proposal), proposal
    assert left_over(proposal, words, GRAMMAR.words_of(name)) == more


PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30) | st.lists(st.text())


@PATIENT
@given(
    st.sampled_from(sorted(BUILT_IN)),
    st.dictionaries(st.sampled_from(["name", "replicas", "namespace", "version", "kind", "x"]), VALUES),
    st.sampled_from(["have cart run five times", "", "in in in"]),
)
def test_nothing_that_is_proposed_raises_and_every_name_of_it_was_said(
    name: str, arguments: dict[str, Any], words: str
) -> None:
    came = grounded(BUILT_IN[name], arguments, words)
    if isinstance(came, Proposal):
        assert all(f" {each} " in f" {words} " for each in came.spoken.values())
