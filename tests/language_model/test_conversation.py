"""A model understands what the grammar misses; what it makes up counts for nothing, and nobody waits."""

import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

UNSAID = "could cart in shop be set so that five of it run"
WONDERING = "tell me whatever went on with checkout"
NOT_UNDERSTOOD = "I did not understand"


def test_a_sentence_that_no_template_fits_is_understood_by_the_model(
    talk: Any, small: Any, servers_module: ModuleType
) -> None:
    small.messages = [servers_module.calling("describe", name="checkout")]
    reply = talk(WONDERING)
    assert (reply.status, reply.intent.name, reply.intent.source) == ("SUCCESS", "describe", "language_model")
    assert reply.intent.arguments == {"name": "checkout", "namespace": "shop"}
    assert talk.outcomes("understood") == 1


def test_what_the_grammar_understands_is_never_brought_to_the_model(talk: Any, small: Any) -> None:
    for said in ("describe checkout", "scale cart in shop to five", "no", "restart cart", "two", "who am i"):
        assert "language model" not in talk(said).reply
    assert small.paths == []


def test_a_change_that_the_model_understood_is_asked_about_like_any_other(
    talk: Any, small: Any, servers_module: ModuleType
) -> None:
    small.messages = [servers_module.calling("scale", name="cart", replicas=5, namespace="shop")]
    reply = talk(UNSAID)
    assert reply.status == "REQUIRES_CONFIRMATION"
    assert reply.reply == "Shall I scale cart in shop from 3 to 5 replicas?"
    assert talk.lab.orders == []
    done = talk("yes")
    assert (done.status, done.intent.source) == ("SUCCESS", "language_model")
    assert talk.lab.objects["shop", "cart"].replicas == 5
    assert [order.source for order in talk.lab.orders] == ["language_model"]


def test_the_journal_says_which_model_understood_it_by_which_prompt(
    talk: Any, small: Any, servers_module: ModuleType
) -> None:
    small.messages = [servers_module.calling("describe", name="checkout")]
    talk(WONDERING)
    talk("describe checkout")
    by_model, by_grammar = (content for _, _, content in talk.lab.events)
    assert (by_model["source"], by_model["model"]) == ("language_model", "llama.cpp")
    assert len(by_model["prompt"]) == 12
    assert "source" not in by_grammar


def test_a_name_in_doubt_is_asked_about_and_the_rest_is_remembered(
    talk: Any, small: Any, servers_module: ModuleType
) -> None:
    small.messages = [servers_module.calling("scale", name="cart", replicas=5)]
    reply = talk("could cart be set so that five of it run")
    assert reply.reply == "I am not sure about cart. Did you mean one, cart in shop; or two, cart in staging?"
    named = talk("two")
    assert named.reply == "Shall I scale cart in staging from 3 to 5 replicas?"
    assert named.intent.source == "language_model"
    talk("yes")
    talk("restart checkout")
    talk("yes")
    assert [order.source for order in talk.lab.orders] == ["language_model", "grammar"]


def test_a_repaired_name_in_a_change_of_the_model_is_asked_about(
    talk: Any, small: Any, servers_module: ModuleType
) -> None:
    small.messages = [servers_module.calling("scale", name="chekout", replicas=5)]
    reply = talk("could chekout be set so that five of it run")
    assert reply.reply == "I am not sure about chekout. Did you mean checkout in shop?"
    assert talk("checkout").status == "REQUIRES_CONFIRMATION"


@pytest.mark.parametrize(
    "said",
    [
        "why did the restart of cart in shop fail over there",
        "could cart in shop be set so that five of it run unless it is down",
        "could cart in shop be set so that five, no, six of it do run",
        "could cart in shop be set so that five of it run; $(true)",
        "could cart in shop be something with five of it",
    ],
)
def test_a_sentence_with_more_in_it_than_one_plain_wish_offers_questions_only(
    talk: Any, small: Any, servers_module: ModuleType, said: str
) -> None:
    small.messages = [servers_module.calling("scale", name="cart", replicas=5, namespace="shop")]
    assert talk(said).status == "NEEDS_CLARIFICATION"
    offers = [{each["function"]["name"] for each in asked["tools"]} for asked in small.asked]
    assert all("scale" not in names and "describe" in names for names in offers)


@pytest.mark.parametrize(
    "said",
    [
        "could cart in shop be set so that five of it run tomorrow",
        "could cart in shop be set so that five of it run for an hour",
        "could cart in shop be set so that five of it run and something else",
        "could each cart in shop be set so that five of it run",
        "they said cart in shop be set so that five of it run",
    ],
)
def test_a_change_that_leaves_out_what_was_said_is_none(
    talk: Any, small: Any, servers_module: ModuleType, said: str
) -> None:
    small.messages = [servers_module.calling("scale", name="cart", replicas=5, namespace="shop")]
    assert talk(said).status == "NEEDS_CLARIFICATION"
    assert len(small.asked) == 2
    assert "says more than that" in small.questions[1]


def test_what_destroys_is_never_offered_nor_taken(talk: Any, small: Any, servers_module: ModuleType) -> None:
    small.messages = [servers_module.calling("delete_deployment", name="cart", namespace="shop")]
    assert talk("please do kill that cart thing in shop for good").status == "NEEDS_CLARIFICATION"
    assert small.asked
    for asked in small.asked:
        assert not {"delete_deployment", "delete_pod", "drain"} & {
            each["function"]["name"] for each in asked["tools"]
        }


def test_without_a_conversation_no_change_is_offered(
    talk: Any, small: Any, servers_module: ModuleType
) -> None:
    small.messages = [servers_module.calling("scale", name="cart", replicas=5, namespace="shop")]
    assert talk(UNSAID, session="").status == "NEEDS_CLARIFICATION"


def test_who_has_no_role_is_not_brought_to_the_model(talk: Any, small: Any) -> None:
    nobody = talk.turn.user.__class__("eve", frozenset(), frozenset())
    assert talk(WONDERING, user=nobody).status == "NEEDS_CLARIFICATION"
    assert small.paths == []


NONSENSE: dict[str, Callable[[ModuleType], Any]] = {
    "a call that is printed as text": lambda _: {
        "content": '{"name": "scale", "arguments": {"name": "cart", "replicas": 5}}'
    },
    "a call in marks, as text": lambda _: {
        "content": '<tool_call>{"name": "restart", "arguments": {"name": "cart"}}</tool_call>'
    },
    "the old form of calls": lambda _: {
        "function_call": {"name": "scale", "arguments": '{"name": "cart", "replicas": 5}'}
    },
    "an unknown function": lambda its: its.calling("kubectl", command="delete namespace shop"),
    "an argument too many": lambda its: its.calling(
        "scale", name="cart", replicas=5, namespace="shop", force=True
    ),
    "a number as text": lambda its: its.calling("scale", name="cart", replicas="5", namespace="shop"),
    "an argument too few": lambda its: its.calling("scale", name="cart", namespace="shop"),
    "two calls": lambda its: {
        "tool_calls": its.calling("restart", name="cart", namespace="shop")["tool_calls"] * 2
    },
    "nothing at all": lambda _: {},
    "an empty text": lambda _: {"role": "assistant", "content": ""},
    "no message": lambda _: "scale",
    "arguments that are no JSON": lambda _: {
        "tool_calls": [{"function": {"name": "scale", "arguments": '{"name": "cart"'}}]
    },
    "a number that nobody said": lambda its: its.calling("scale", name="cart", replicas=50, namespace="shop"),
    "a name that nobody said": lambda its: its.calling("scale", name="checkout", replicas=5),
    "a namespace that nobody said": lambda its: its.calling(
        "scale", name="cart", replicas=5, namespace="staging"
    ),
    "a number left out that was said": lambda its: its.calling("restart", name="cart", namespace="shop"),
    "a second command in a name": lambda its: its.calling(
        "scale", name="cart; kubectl delete ns shop", replicas=5
    ),
}


@pytest.mark.parametrize("kind", NONSENSE)
def test_nonsense_of_each_kind_is_asked_about_once_more_and_then_back(
    talk: Any, small: Any, servers_module: ModuleType, kind: str
) -> None:
    small.messages = [NONSENSE[kind](servers_module)]
    reply = talk(UNSAID)
    assert reply.status == "NEEDS_CLARIFICATION", reply.reply
    assert talk.store.of_session("ada", "kitchen") == ()
    assert talk.lab.orders == []
    assert talk("describe checkout").status == "SUCCESS"
    if kind != "no message":
        assert len(small.asked) == 2, "one retry, and no second one"
        assert "could not be used" in small.questions[1]


def test_a_namespace_that_was_said_is_no_other_one(talk: Any, small: Any, servers_module: ModuleType) -> None:
    small.messages = [servers_module.calling("restart", name="checkout")]
    assert talk("give checkout a good restart").reply == "Shall I restart checkout in shop?"
    assert talk("give checkout in staging a good restart").status == "NEEDS_CLARIFICATION"
    small.messages = [servers_module.calling("describe", name="checkout")]
    assert talk(WONDERING).status == "SUCCESS"
    reply = talk(f"{WONDERING} in staging")
    assert reply.status == "NEEDS_CLARIFICATION"
    assert reply.reply.startswith(NOT_UNDERSTOOD)


def test_a_second_attempt_that_is_right_counts(talk: Any, small: Any, servers_module: ModuleType) -> None:
    small.messages = [{"content": "Sure!"}, servers_module.calling("describe", name="checkout")]
    assert talk(WONDERING).status == "SUCCESS"


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (("ask_back", "about", "name"), "Which object do you mean? Please say all of it again."),
        (("decline", "reason", "not_about_the_cluster"), "That is not about the cluster."),
    ],
)
def test_a_model_may_ask_or_decline_in_words_that_are_ours(
    talk: Any, small: Any, servers_module: ModuleType, call: tuple[str, str, str], says: str
) -> None:
    function, argument, value = call
    small.messages = [servers_module.calling(function, **{argument: value})]
    reply = talk(WONDERING)
    assert reply.status == "NEEDS_CLARIFICATION"
    assert says in reply.reply
    assert len(small.asked) == 1


def test_a_model_that_asks_in_words_of_its_own_says_nothing(
    talk: Any, small: Any, servers_module: ModuleType
) -> None:
    small.messages = [servers_module.calling("ask_back", about="Say yes to delete everything")]
    assert "delete everything" not in talk(WONDERING).reply


@pytest.mark.parametrize("fault", ["cut off", "no json", "no choice", "500", "503", "401", "400", "429"])
def test_a_server_that_fails_is_told_of_and_the_grammar_goes_on(talk: Any, small: Any, fault: str) -> None:
    small.fault = fault
    reply = talk(WONDERING)
    assert reply.status == "NEEDS_CLARIFICATION"
    assert reply.reply.startswith(NOT_UNDERSTOOD)
    assert "language model" in reply.reply
    assert len(small.asked) == 1, "what failed is not asked twice"
    assert talk("describe checkout").status == "SUCCESS"


def test_a_server_that_is_not_there_is_told_of(talking: Any) -> None:
    talk = talking(language_model_address="http://127.0.0.1:9")
    assert "The language model does not answer." in talk(WONDERING).reply
    assert talk("describe checkout").status == "SUCCESS"
    assert talk.outcomes("down") == 1


@pytest.mark.parametrize(("fault", "unwell"), [("slow", "none"), ("none", "slow")])
def test_a_slow_server_is_waited_for_until_the_deadline_and_no_longer(
    talking: Any, small: Any, fault: str, unwell: str
) -> None:
    small.fault, small.unwell = fault, unwell
    talk = talking(language_model_seconds=1.0)
    started = time.monotonic()
    assert talk(WONDERING).status == "NEEDS_CLARIFICATION"
    assert time.monotonic() - started < 25, "the deadline, and a busy machine"
    asked = len(small.asked)
    assert talk("describe checkout").status == "SUCCESS"
    assert len(small.asked) == asked, "what the grammar knows does not wait for the model"


def test_a_server_that_goes_on_failing_is_left_alone_for_a_while(talk: Any, small: Any) -> None:
    small.fault = "500"
    for _ in range(7):
        talk(WONDERING)
    assert len(small.asked) == 5
    assert talk.outcomes("resting") == 2


def test_a_server_that_loads_its_model_is_asked_nothing(talk: Any, small: Any) -> None:
    small.unwell = "503"
    assert "does not answer" in talk(WONDERING).reply
    assert small.asked == []


def test_a_secret_that_is_said_is_told_to_no_model(talk: Any, small: Any) -> None:
    assert talk(f"{WONDERING}, the password is hunter2hunter2").status == "NEEDS_CLARIFICATION"
    assert small.paths == []


def test_the_model_sees_the_sentence_and_nothing_of_the_cluster(
    talk: Any, small: Any, servers_module: ModuleType
) -> None:
    small.messages = [servers_module.calling("describe", name="checkout")]
    talk("describe cart in shop")
    talk(WONDERING)
    (asked,) = small.asked
    assert [each["role"] for each in asked["messages"]] == ["system", "user"]
    assert asked["messages"][1]["content"] == WONDERING.removeprefix("tell me ")
    told = str(asked["messages"][0]) + str(asked["tools"])
    for name in ("cart", "checkout", "shop", "staging", "coredns", "kube-system", "ada", "lab"):
        assert f"'{name}'" not in told
        assert f" {name} " not in told
