"""A change is asked about, agreed to once by whoever was asked, and done as it was asked, or not at all."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from voice_api.commands.confirmation.pending import State
from voice_api.commands.policy import User
from voice_api.commands.registry.declaring import EVERYWHERE

SCALE = "scale cart in shop to five replicas"
BOB = User("bob", frozenset({"operator"}), EVERYWHERE)


def asked(talk: Any, text: str = SCALE) -> dict[str, Any]:
    reply = talk(text)
    assert reply.status == "REQUIRES_CONFIRMATION", reply
    about: dict[str, Any] = reply.data["confirmation"]
    return about


def test_a_change_is_read_back_and_done_after_a_yes(talk: Any) -> None:
    reply = talk(SCALE)
    assert reply.reply == "Shall I scale cart in shop from 3 to 5 replicas?"
    assert talk.replicas() == 3
    done = talk("yes")
    assert (done.status, done.reply) == ("SUCCESS", "cart in shop is as you wished.")
    assert talk.replicas() == 5
    assert [order.bound.arguments for order in talk.lab.orders] == [
        '{"name":"cart","namespace":"shop","replicas":5}'
    ]


def test_a_second_yes_does_nothing_more_and_is_an_event(talk: Any) -> None:
    asked(talk)
    talk("yes")
    again = talk("yes")
    assert (again.status, again.data["error"]["code"]) == ("ERROR", "answer_used")
    assert len(talk.lab.orders) == 1
    assert ("refused", True) in [(event, security) for event, security, _ in talk.lab.events]


@pytest.mark.parametrize("no", ["no", "cancel", "no wait", "stop", "yes no"])
def test_a_no_cancels_and_a_yes_after_it_counts_no_more(talk: Any, no: str) -> None:
    asked(talk)
    assert talk(no).reply == "All right, I changed nothing."
    assert talk("yes").status == "ERROR"
    assert talk.lab.orders == []


def test_a_new_command_cancels_what_was_asked(talk: Any) -> None:
    asked(talk)
    assert talk("which cluster is this").status == "SUCCESS"
    assert talk("yes").status == "ERROR"
    assert talk.lab.orders == []


def test_an_id_of_another_user_or_session_settles_nothing(talk: Any) -> None:
    about = asked(talk)
    for other in ({"user": BOB}, {"session": "cellar"}, {"session": ""}):
        reply = talk("yes", pending=about["id"], **other)
        assert reply.status == "ERROR"
        assert reply.data["error"]["code"] in {"answer_other_user", "answer_other_session"}
    assert talk.lab.orders == []
    assert talk("yes", pending=about["id"]).status == "SUCCESS"


def test_an_answer_brings_no_arguments_of_its_own(talk: Any) -> None:
    asked(talk)
    talk("yes scale checkout to nine")
    assert talk.lab.orders == []
    assert talk.replicas() == 3


def test_what_was_asked_in_another_context_is_not_settled(talk: Any) -> None:
    asked(talk)
    talk.lab.uid = "uid of a cluster that was made anew"
    assert talk("yes").data["error"]["code"] == "answer_other_context"
    assert talk.lab.orders == []


def test_what_was_made_anew_under_the_same_name_is_asked_about_anew(talk: Any) -> None:
    asked(talk)
    talk.lab.objects["shop", "cart"] = replace(talk.lab.objects["shop", "cart"], uid="another")
    reply = talk("yes")
    assert reply.status == "REQUIRES_CONFIRMATION"
    assert reply.reply.startswith("I did nothing yet: it is another object of that name.")
    assert talk.replicas() == 3
    assert talk("yes").status == "SUCCESS"


def test_what_was_scaled_meanwhile_is_asked_about_with_the_new_numbers(talk: Any) -> None:
    asked(talk)
    talk.lab.objects["shop", "cart"] = replace(talk.lab.objects["shop", "cart"], replicas=4, generation=2)
    reply = talk("yes")
    assert "from 4 to 5 replicas" in reply.reply
    assert talk.replicas() == 4


def test_a_conflict_at_the_write_is_another_question_and_no_second_try(talk: Any) -> None:
    asked(talk)
    talk.lab.writes.append(409)
    reply = talk("yes")
    assert reply.status == "REQUIRES_CONFIRMATION"
    assert reply.reply.startswith("It was changed after I asked you, so I ask again.")
    assert talk.lab.orders == []


def test_what_the_cluster_refuses_after_all_is_told(talk: Any) -> None:
    asked(talk)
    talk.lab.writes.append(403)
    assert talk("yes").status == "PERMISSION_DENIED"


@pytest.mark.parametrize(
    ("status", "expected"), [(403, "PERMISSION_DENIED"), (500, "ERROR"), (404, "ERROR"), (422, "ERROR")]
)
def test_what_cannot_be_shown_is_not_asked_about(talk: Any, status: int, expected: str) -> None:
    talk.lab.dry_runs.append(status)
    assert talk(SCALE).status == expected
    assert talk("yes").status != "SUCCESS"
    assert talk.lab.orders == []


def test_what_is_gone_by_the_time_of_the_yes_is_told(talk: Any) -> None:
    asked(talk)
    del talk.lab.objects["shop", "cart"]
    assert (reply := talk("yes")).status == "ERROR"
    assert reply.data["error"]["code"] == "not_found"


def test_what_destroys_wants_the_name_or_the_code(talk: Any) -> None:
    about = asked(talk, "delete the deployment cart in shop")
    assert about["needs"] == "name_or_code"
    again = talk("yes")
    assert again.reply.startswith("A yes is not enough for this.")
    assert ("shop", "cart") in talk.lab.objects
    assert talk("cart").status == "SUCCESS"
    assert ("shop", "cart") not in talk.lab.objects


def test_the_code_is_as_good_as_the_name(talk: Any) -> None:
    about = asked(talk, "delete the deployment cart in shop")
    assert talk(" ".join(about["code"])).status == "SUCCESS"
    assert ("shop", "cart") not in talk.lab.objects


def test_three_wrong_codes_cancel(talk: Any) -> None:
    about = asked(talk, "delete the deployment cart in shop")
    wrong = "11" if about["code"] != "11" else "12"
    assert [talk(wrong).status for _ in range(3)] == [
        "REQUIRES_CONFIRMATION",
        "REQUIRES_CONFIRMATION",
        "PERMISSION_DENIED",
    ]
    assert talk(about["code"]).status == "ERROR"
    assert ("shop", "cart") in talk.lab.objects
    assert ("cancelled", True) in [(event, security) for event, security, _ in talk.lab.events]


def test_the_loudspeaker_cannot_confirm(talk: Any) -> None:
    reply = talk(SCALE)
    echo = talk("shall i scale cart in shop yes", spoken=True, since=2.0)
    assert echo.status != "SUCCESS"
    assert reply.status == "REQUIRES_CONFIRMATION"
    assert talk.lab.orders == []


def test_a_spoken_yes_counts_only_after_the_question_was_played(talk: Any) -> None:
    asked(talk)
    assert talk("yes", spoken=True).data["error"]["code"] == "answer_too_early"
    assert talk("yes", spoken=True, since=0.2).data["error"]["code"] == "answer_too_early"
    assert talk.lab.orders == []


def test_a_spoken_yes_after_the_question_was_played_is_a_yes(talk: Any) -> None:
    asked(talk)
    time.sleep(1.1)
    assert talk("yes", spoken=True, since=1.0).status == "SUCCESS"
    assert talk.replicas() == 5


def test_any_replica_of_the_service_may_settle_it_and_only_one_does(
    talk: Any, another_replica: Callable[[Any], Any]
) -> None:
    about = asked(talk)
    there = another_replica(talk)
    assert there("yes", pending=about["id"]).status == "SUCCESS"
    assert talk("yes", pending=about["id"]).data["error"]["code"] == "answer_used"
    assert len(talk.lab.orders) == 1


def test_relative_wishes_are_confirmed_as_numbers(talk: Any) -> None:
    assert "from 3 to 6 replicas, which is 200 percent of 3?" in talk("double cart in shop").reply
    talk("yes")
    assert talk.replicas() == 6


def test_undo_is_asked_about_like_any_other_change(talk: Any) -> None:
    assert talk("undo that").reply == "I cannot undo anything: nothing was scaled."
    asked(talk)
    talk("yes")
    assert "from 5 to 3 replicas" in talk("undo that").reply
    assert talk.replicas() == 5
    talk("yes")
    assert talk.replicas() == 3


def test_the_level_follows_what_a_change_meets(talk: Any) -> None:
    assert asked(talk, "scale cart in shop to zero")["needs"] == "name_or_code"
    assert asked(talk, "scale cart in shop to five")["needs"] == "yes"
    talk.lab.environment = "production"
    about = asked(talk, "scale cart in shop to five")
    assert (about["level"], about["needs"]) == ("DESTRUCTIVE", "name_or_code")


def test_what_became_graver_after_the_question_is_asked_about_anew(talk: Any) -> None:
    asked(talk)
    talk.lab.environment = "production"
    reply = talk("yes")
    assert reply.status == "REQUIRES_CONFIRMATION"
    assert "another level" in reply.reply
    assert talk.lab.orders == []


def test_a_protected_namespace_is_refused_before_any_question(talk: Any) -> None:
    reply = talk("restart coredns in kube system")
    assert reply.status == "PERMISSION_DENIED"
    assert "kube-system is protected" in reply.reply
    assert ("denied", True) in [(event, security) for event, security, _ in talk.lab.events]


@pytest.mark.parametrize("roles", [frozenset(), frozenset({"viewer"})])
def test_who_may_not_is_refused_before_any_question(talk: Any, roles: frozenset[str]) -> None:
    assert talk(SCALE, user=User("eve", roles, EVERYWHERE)).status == "PERMISSION_DENIED"
    assert talk.store.of_session("eve", "kitchen") == ()


def test_who_is_not_for_this_environment_is_refused(talk: Any) -> None:
    eve = User("eve", frozenset({"admin"}), frozenset({"development"}))
    assert talk(SCALE, user=eve).status == "PERMISSION_DENIED"


def test_without_a_conversation_nothing_is_changed(talk: Any) -> None:
    reply = talk(SCALE, session="")
    assert (reply.status, reply.data["error"]["code"]) == ("PERMISSION_DENIED", "no_session")


def test_what_is_settled_stays_in_the_store(talk: Any) -> None:
    about = asked(talk)
    talk("yes")
    assert talk.store.with_id(about["id"]).state is State.USED
