"""A conversation remembers what it was asked, where it is and what it spoke of; and of nobody else's."""

from typing import Any

import pytest

from voice_api.commands.conversation.memory import KEPT_SECONDS, Memory, State
from voice_api.commands.policy import User
from voice_api.commands.registry.declaring import EVERYWHERE


@pytest.mark.parametrize("answer", ["two", "the second one", "staging", "in staging"])
def test_a_name_in_doubt_is_asked_about_and_the_command_goes_on(talk: Any, answer: str) -> None:
    question = talk("scale cart to five")
    assert question.status == "NEEDS_CLARIFICATION"
    assert question.reply == (
        "I am not sure about cart. Did you mean one, cart in shop; or two, cart in staging?"
    )
    assert talk(answer).reply == "Shall I scale cart in staging from 3 to 5 replicas?"
    assert talk("yes").status == "SUCCESS"
    assert talk.replicas("cart", "staging") == 5
    assert talk.replicas("cart", "shop") == 3


def test_a_yes_points_to_the_only_one_that_was_offered_where_nothing_is_changed(talk: Any) -> None:
    assert talk("describe checkout in staging").reply.endswith("Did you mean cart in staging?")
    assert talk("yes").reply.startswith("The deployment cart in staging")
    assert talk("restart checkout in staging").reply.endswith("Did you mean cart in staging?")
    assert talk("yes").status == "NEEDS_CLARIFICATION"
    assert talk.store.of_session("ada", "kitchen") == ()
    talk("restart checkout in staging")
    assert talk("cart").status == "REQUIRES_CONFIRMATION"


def test_what_is_no_answer_is_a_command_of_its_own_by_the_grammar(talk: Any) -> None:
    talk("scale cart to five")
    assert talk("describe checkout").status == "SUCCESS"
    assert talk("two").status == "NEEDS_CLARIFICATION", "the question is forgotten"


def test_it_means_what_was_spoken_of_last(talk: Any) -> None:
    assert talk("describe checkout").status == "SUCCESS"
    assert talk("scale it to five").reply == "Shall I scale checkout in shop from 3 to 5 replicas?"


def test_a_namespace_that_was_switched_to_is_meant_where_none_is_said(talk: Any) -> None:
    assert talk("switch to namespace staging").reply == "Now in the namespace staging."
    assert talk("where am i").data["namespace"] == "staging"
    assert talk("restart cart").reply == "Shall I restart cart in staging?"


@pytest.mark.parametrize("other", [{"session": "cellar"}, {"session": ""},
                                   {"user": User("bob", frozenset({"operator"}), EVERYWHERE)}])  # fmt: skip
def test_nobody_else_answers_a_question_or_is_where_i_am(talk: Any, other: dict[str, Any]) -> None:
    talk("switch to namespace staging")
    talk("restart cart in shop and describe checkout")
    talk("scale cart to five")
    assert talk("two", **other).status == "NEEDS_CLARIFICATION"
    assert talk("where am i", **other).data["namespace"] is None


def test_what_i_did_is_told(talk: Any) -> None:
    assert talk("what did i do").reply == "You changed nothing that I know of."
    talk("restart cart in shop")
    talk("yes")
    assert talk("what did i do").reply == "Restart cart: done."


def test_who_has_no_role_is_told_nothing(talk: Any) -> None:
    nobody = User("eve", frozenset(), EVERYWHERE)
    assert talk("describe checkout", user=nobody).status == "PERMISSION_DENIED"
    assert talk("who am i", user=nobody).status == "PERMISSION_DENIED"


def test_two_questions_in_one_breath_are_both_answered(talk: Any) -> None:
    reply = talk("describe checkout and where am i")
    assert reply.reply.count(".") == 2
    assert len(reply.data["answers"]) == 2


def test_conversations_are_forgotten_after_a_while_and_are_not_many(talk: Any) -> None:
    clock = [0.0]
    memory = Memory(lambda: clock[0], most=2)
    for session in ("a", "b", "c"):
        memory.keep("ada", session, State(home=session))
    assert [memory.of("ada", session).home for session in ("a", "b", "c")] == ["", "b", "c"]
    clock[0] = KEPT_SECONDS
    assert memory.of("ada", "c").home == ""
