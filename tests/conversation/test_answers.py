"""Answers read well aloud, say what is so, and hold nothing that has the shape of a secret."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from voice_api.cluster.demo import DemoCluster
from voice_api.cluster.redact import HIDDEN, SHAPES, masked, redacted
from voice_api.commands.answers.amounts import amount
from voice_api.commands.answers.reading import selected, selector, short, shortly
from voice_api.commands.answers.troubles import pod_trouble, workload_troubles
from voice_api.commands.core import CommandCore

CORE = CommandCore(DemoCluster())
PIECES = (
    *("-----BEGIN PRIVATE KEY-----", "-----END", "eyJhbGciOiJIUzI1NiJ9", ".eyJ4IjoxfQ", "Bearer ", "BASIC "),
    *("AKIA", "ghp_", "GHP_", "xoxb-", "sk-", "kvx_", "abcdefgh12345678", "ABCDEFGH12345678", "A1b2" * 8),
    *("a1" * 16, "://", "user:word", "@", "password", "pa\u017fsword", "to\u212aen", "api_key", "API KEY"),
    *("credential", "authorization", " is ", "=", ": ", "-", "_", " ", '"', "x"),
)


@pytest.mark.parametrize(
    ("said", "reply"),
    [
        ("describe the pod redis", None),
        (
            "describe checkout",
            "The deployment checkout in shop has one of two pods ready and runs checkout 1.8.2.",
        ),
        ("what is wrong with grafana", "Nothing is wrong with grafana in monitoring that I can see."),
        (
            "show me the logs of checkout",
            (
                "I see two errors in the last four lines of checkout in shop. "
                "The last of them says: error: no payments after 5 attempts, giving up."
            ),
        ),
        ("read the last two log lines of checkout", None),
        ("rollout status of cart", "The rollout of cart in shop is done: two of two pods are ready."),
        (
            "what does this cluster cost",
            (
                "This month the machines cost 9.80 euros of a budget of 40.00 so far, net, "
                "and 17.40 by its end as it stands."
            ),
        ),
        ("what clusters are there", "There is one cluster: demo."),
        (
            "who am i",
            "You are anybody, as viewer, in development, production and staging. I can only read here.",
        ),
    ],
)
def test_answers_read_well_aloud(said: str, reply: str | None) -> None:
    answer = CORE.answer(said)
    assert answer.reply[-1] in ".?"
    assert reply in (None, answer.reply)


def test_what_others_wrote_is_marked_as_such() -> None:
    assert CORE.answer("show me the logs of checkout").data["untrusted"] is True
    assert CORE.answer("events in shop").data["untrusted"] is True


@pytest.mark.parametrize(
    "text",
    [
        "password=hunter2hunter2",
        "DB_PASSWORD: hunter2hunter2",
        '{"api_key": "hunter2hunter2"}',
        "Authorization: Bearer hunter2hunter2",
        "postgres://user:hunter2hunter2@db:5432/shop",
        "token is hunter2hunter2",
        "eyJhbGciOiJIUzI1NiJ9.eyJodW50ZXIyaHVudGVyMiI6MX0.hunter2hunter2",
        "ghp_hunter2hunter2hunter2hunter2",
        "sk-hunter2hunter2hunter2",
        "-----BEGIN RSA PRIVATE KEY-----\nhunter2hunter2\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\nhunter2hunter2 and the log ends here",
        "--client-secret=hunter2hunter2",
    ],
)
def test_what_has_the_shape_of_a_secret_is_hidden(text: str) -> None:
    for around in ("", "before ", "2026-11-21T12:00:00Z error: "):
        hidden = masked(f"{around}{text}")
        assert "hunter2" not in hidden
        assert HIDDEN in hidden
        assert hidden.startswith(around)


@pytest.mark.parametrize(
    "text",
    [
        "checkout-77f8b9d6c5-m4nzs is not ready",
        f"sha256:{'a1' * 32}",
        "could not find the secret named db in shop",
        "uid 123e4567-e89b-12d3-a456-426614174000",
        "GET /v1/commands 200 in 12 ms",
    ],
)
def test_what_has_no_such_shape_is_left(text: str) -> None:
    assert masked(text) == text


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=6), max_size=6).map("".join))
@example("-----BEGIN PRIVATE KEY-----")
@example("pwd=x")
@example("basic aaaaaaaa")
@example("eyJaaaaaaaa.aaaa")
@example("a://b:c@")
@example("toKEN=x")
def test_no_secret_is_missed_for_lack_of_a_mark(text: str) -> None:
    by_patterns_alone = text
    for shape in SHAPES:
        by_patterns_alone = shape.pattern.sub(shape.kept + HIDDEN, by_patterns_alone)
    assert masked(text) == by_patterns_alone


@pytest.mark.parametrize(
    "item",
    [
        {
            "kind": "Secret",
            "metadata": {"name": "x"},
            "data": {"a": "hunter2"},
            "stringData": {"b": "hunter2"},
        },
        {"kind": "SecretList", "items": [{"metadata": {"name": "x"}, "data": {"a": "hunter2"}}]},
        {"kind": "Pod", "spec": {"containers": [{"env": [{"name": "A", "value": "hunter2"}]}]}},
        {
            "kind": "Pod",
            "metadata": {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": "hunter2"}},
        },
        {"kind": "Pod", "metadata": {"managedFields": [{"fieldsV1": "hunter2"}]}},
        {"kind": "Pod", "spec": {"containers": [{"args": ["--password=hunter2"]}]}},
    ],
)
def test_no_object_gives_its_secrets_away(item: dict[str, Any]) -> None:
    assert "hunter2" not in str(redacted(item))


@pytest.mark.parametrize(
    ("quantity", "value"),
    [
        ("250m", "0.25"),
        ("2", "2"),
        ("64Mi", "67108864"),
        ("1500n", "0.0000015"),
        ("1G", "1000000000"),
        ("?", "0"),
    ],
)
def test_quantities_are_read(quantity: str, value: str) -> None:
    assert amount(quantity) == Decimal(value)


@pytest.mark.parametrize(
    ("image", "spoken"),
    [
        ("registry.example:5000/team/oven:1.2", "oven 1.2"),
        ("oven", "oven without a version"),
        ("registry.example/oven@sha256:abc", "oven by digest"),
        ("registry.example/oven:2@sha256:abc", "oven 2"),
    ],
)
def test_images_are_said_without_their_registry(image: str, spoken: str) -> None:
    assert short(image) == spoken


def test_words_of_others_are_cut_and_without_what_is_not_read_aloud() -> None:
    assert shortly("a\x1b[31m b\n\nc") == "a [31m b c"
    assert len(shortly("word " * 100)) < 180


@pytest.mark.parametrize(
    ("wishes", "belongs"),
    [
        ({"matchLabels": {"app": "cart"}}, True),
        ({"matchLabels": {"app": "cart", "tier": "web"}}, False),
        ({"matchExpressions": [{"key": "app", "operator": "In", "values": ["cart"]}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["cart"]}]}, False),
        ({"matchExpressions": [{"key": "app", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "Guess"}]}, False),
        ({}, False),
    ],
)
def test_the_pods_of_a_workload_are_those_its_selector_chooses(wishes: dict[str, Any], belongs: bool) -> None:
    pod = {"metadata": {"name": "cart-1", "labels": {"app": "cart"}}}
    assert selected({"spec": {"selector": wishes}}, pod) is belongs


def test_a_selector_is_asked_as_the_api_writes_it_and_what_is_unknown_is_left_out() -> None:
    expressions = [
        {"key": "tier", "operator": "In", "values": ["web", "api"]},
        {"key": "old", "operator": "DoesNotExist"},
        {"key": "track", "operator": "Guess"},
    ]
    item = {"spec": {"selector": {"matchLabels": {"app": "cart"}, "matchExpressions": expressions}}}
    assert selector(item) == "app=cart,tier in (web,api),!old"


def test_a_workload_without_enough_pods_says_why_or_how_many() -> None:
    workload = {"metadata": {"name": "cart"}, "spec": {"replicas": 3}, "status": {"readyReplicas": 1}}
    assert workload_troubles(workload, ()) == ["only one of three pods are ready"]
    failing = {**workload, "status": {"conditions": [{"type": "ReplicaFailure", "status": "True"}]}}
    assert "the cluster does not let it make its pods" in workload_troubles(failing, ())


def test_a_pod_that_ended_well_is_in_no_trouble() -> None:
    assert pod_trouble({"metadata": {"name": "x"}, "status": {"phase": "Succeeded"}}) is None
