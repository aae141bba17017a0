"""Every way in which a confirmation can go wrong ends with nothing done (voice-operations 7.2)."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import settings as examples
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from voice_api.commands.confirmation.outcomes import after_dry_run, after_write
from voice_api.commands.confirmation.pending import (
    CLICK_SECONDS,
    VOICE_SECONDS,
    Bound,
    Pending,
    Speaker,
    State,
    Target,
    canonical,
    digest,
    genuine,
    played,
    staged,
)
from voice_api.commands.confirmation.settle import (
    AskAgain,
    AskWhich,
    Cancelled,
    Heard,
    NoAnswer,
    Refused,
    Settled,
    Verdict,
    drift,
    settled,
)
from voice_api.commands.confirmation.store import PendingsInMemory, answered, cancel_all
from voice_api.commands.registry.declaring import Confirmation

KEY = b"a key of the server"
ANN = Speaker("ann", "session-1", "prod", "cluster-uid-1")
WEB = Target("deployment", "shop", "web", "uid-1", generation=4, resource_version="1001")
ARGUMENTS = canonical({"name": "web", "namespace": "shop", "replicas": 6})
BOUND = Bound(ANN, "scale", ARGUMENTS, "WRITE_SAFE", WEB, digest("-3 +6"), base="double of 3")
YES, STRONG = Confirmation.YES, Confirmation.NAME_OR_CODE


def asked(
    confirmation: Confirmation = YES,
    identifier: str = "id-1",
    code: str = "47",
    bound: Bound = BOUND,
    heard: bool = True,
) -> Pending:
    """A question of the moment 100, played to its end at 103."""
    question = f"Scale {bound.target.name} in shop from three to six?"
    pending = staged(bound, confirmation, question, identifier=identifier, code=code, now=100.0, key=KEY)
    return played(pending, 103.0) if heard else pending


def kept(*pendings: Pending) -> PendingsInMemory:
    store = PendingsInMemory()
    for pending in pendings:
        store.add(pending)
    return store


def said(text: str, *, now: float = 105.0, by: Speaker = ANN, **more: Any) -> Heard:
    return Heard(text, by, now, **{"began": now - 1, **more})


def clicked(text: str, identifier: str, **more: Any) -> Heard:
    return said(text, id=identifier, began=None, spoken=False, **more)


def verdict(heard: Heard, *pendings: Pending) -> Verdict:
    return answered(kept(*pendings), heard, KEY)


def test_a_yes_settles_what_was_asked_with_the_arguments_of_the_question() -> None:
    answer = verdict(said("yes"), asked())
    assert isinstance(answer, Settled)
    assert answer.after.state is State.USED
    assert answer.after.bound == BOUND


@pytest.mark.parametrize("text", ["web", "yes web", "four seven", "confirm web 47"])
def test_what_destroys_is_settled_by_the_name_or_the_code(text: str) -> None:
    assert isinstance(verdict(said(text), asked(STRONG)), Settled)


def test_a_bare_yes_does_not_do_for_what_destroys() -> None:
    answer = verdict(said("yes"), asked(STRONG))
    assert isinstance(answer, AskAgain)
    assert answer.why == "name_or_code"
    assert answer.after.state is State.OPEN


def test_the_code_may_be_wrong_twice_and_then_the_question_is_gone() -> None:
    store = kept(asked(STRONG))
    answers = [answered(store, said("four eight"), KEY) for _ in range(3)]
    assert [type(answer) for answer in answers] == [AskAgain, AskAgain, Cancelled]
    assert isinstance(answers[-1], Cancelled)
    assert answers[-1].security
    assert isinstance(answered(store, said("four seven"), KEY), Refused)


def test_a_second_use_of_the_same_id_is_refused_and_told_as_a_replay() -> None:
    store = kept(asked())
    assert isinstance(answered(store, clicked("yes", "id-1"), KEY), Settled)
    assert answered(store, clicked("yes", "id-1"), KEY) == Refused("used", security=True)


def test_of_many_who_answer_at_once_one_settles_it() -> None:
    store = kept(asked())
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: answered(store, clicked("yes", "id-1"), KEY), range(200)))
    assert sum(isinstance(answer, Settled) for answer in answers) == 1
    assert all(
        answer == Refused("used", security=True) for answer in answers if not isinstance(answer, Settled)
    )


def test_of_two_who_have_read_the_same_question_the_second_finds_it_used() -> None:
    store = kept(asked())
    verdicts = [settled(clicked("yes", "id-1"), [asked()], KEY) for _ in range(2)]
    done = [isinstance(each, Settled) and store.exchange(each.before, each.after) for each in verdicts]
    assert done == [True, False]


@pytest.mark.parametrize(
    ("by", "why", "security"),
    [
        (replace(ANN, user="eve"), "other_user", True),
        (replace(ANN, session="session-2"), "other_session", True),
        (replace(ANN, context="staging"), "other_context", False),
        (replace(ANN, cluster_uid="cluster-uid-2"), "other_context", False),
    ],
)
def test_the_id_of_somebody_or_something_else_settles_nothing(by: Speaker, why: Any, security: bool) -> None:
    store = kept(asked())
    assert answered(store, clicked("yes", "id-1", by=by), KEY) == Refused(why, security)
    assert isinstance(answered(store, clicked("yes", "id-1"), KEY), Settled)


def test_a_spoken_yes_of_another_session_finds_nothing_asked() -> None:
    assert verdict(said("yes", by=replace(ANN, session="session-2")), asked()) == Refused(
        "nothing_asked", False
    )


@pytest.mark.parametrize(
    "text", ["yes to ten", "yes with zero replicas", "yes in production", "scale web to ten"]
)
def test_an_answer_cannot_carry_other_arguments(text: str) -> None:
    store = kept(asked())
    assert answered(store, said(text), KEY) == NoAnswer()
    assert answered(store, clicked(text, "id-1"), KEY) == NoAnswer()
    assert all(each.state is State.OPEN for each in store.of_session("ann", "session-1"))


OTHER = asked(
    identifier="id-2", code="12", bound=replace(BOUND, target=replace(WEB, name="cart", uid="uid-2"))
)


def test_two_questions_and_a_bare_yes_ask_which() -> None:
    assert verdict(said("yes"), asked(), OTHER) == AskWhich((asked(), OTHER))


@pytest.mark.parametrize("text", ["cart", "yes cart", "one two", "yes 12"])
def test_of_two_questions_the_name_or_code_settles_its_own(text: str) -> None:
    answer = verdict(said(text), asked(STRONG), replace_confirmation(OTHER))
    assert isinstance(answer, Settled)
    assert answer.before.id == "id-2"


def replace_confirmation(pending: Pending) -> Pending:
    return asked(STRONG, identifier=pending.id, code=pending.code, bound=pending.bound)


def test_a_no_cancels_even_before_the_question_has_ended() -> None:
    assert isinstance(verdict(said("no", began=101.0), asked()), Cancelled)
    assert isinstance(verdict(said("no", now=102.0), asked(heard=False)), Cancelled)


@pytest.mark.parametrize(
    ("heard", "why"),
    [
        (said("yes", began=101.0), "too_early"),
        (said("yes", began=103.4), "too_early"),
        (said("yes", began=None), "too_early"),
        (said("yes web in shop from three to six"), "echo"),
        (said("web in shop"), "echo"),
    ],
)
def test_what_the_loudspeaker_says_does_not_confirm(heard: Heard, why: Any) -> None:
    for confirmation in (YES, STRONG):
        assert verdict(heard, asked(confirmation)) == Refused(why, False)


def test_the_echo_of_a_name_of_three_words_does_not_confirm() -> None:
    long = replace(BOUND, target=replace(WEB, name="voice-api-gateway"))
    assert verdict(said("voice api gateway"), asked(STRONG, bound=long)) == Refused("echo", False)
    assert isinstance(verdict(said("four seven"), asked(STRONG, bound=long)), Settled)


def test_a_question_that_nobody_says_was_played_is_not_settled_by_voice() -> None:
    assert verdict(said("yes"), asked(heard=False)) == Refused("too_early", False)
    assert isinstance(verdict(clicked("yes", "id-1"), asked(heard=False)), Settled)


@pytest.mark.parametrize(
    ("now", "fine"),
    [(103.0 + VOICE_SECONDS - 0.1, True), (103.0 + VOICE_SECONDS, False), (99.0, True), (94.0, False)],
)
def test_an_answer_counts_until_it_expires_and_never_by_a_clock_that_runs_behind(
    now: float, fine: bool
) -> None:
    answer = verdict(clicked("yes", "id-1", now=now), asked())
    assert isinstance(answer, Settled) is fine
    if not fine:
        assert answer == Refused("expired" if now > 100 else "clock", False)


def test_what_was_never_played_can_be_clicked_for_five_minutes() -> None:
    unheard = asked(heard=False)
    assert isinstance(verdict(clicked("yes", "id-1", now=99.9 + CLICK_SECONDS), unheard), Settled)
    assert verdict(clicked("yes", "id-1", now=100.0 + CLICK_SECONDS), unheard) == Refused("expired", False)


@pytest.mark.parametrize("played_again", [104.0, 150.0])
def test_playing_a_question_again_does_not_make_it_last_longer(played_again: float) -> None:
    assert played(asked(), played_again) == asked()


CHANGES: list[Callable[[Pending], Pending]] = [
    lambda each: replace(each, bound=replace(BOUND, arguments=canonical({"name": "web", "replicas": 0}))),
    lambda each: replace(each, bound=replace(BOUND, target=replace(WEB, uid="uid-9"))),
    lambda each: replace(each, bound=replace(BOUND, diff_sha256=digest("other"))),
    lambda each: replace(each, bound=replace(BOUND, function="delete_deployment")),
    lambda each: replace(each, confirmation=YES),
    lambda each: replace(each, code="11"),
    lambda each: replace(each, staged=200.0),
    lambda each: replace(each, seal=""),
]


@pytest.mark.parametrize("change", CHANGES)
def test_what_was_changed_in_the_store_is_not_settled(change: Callable[[Pending], Pending]) -> None:
    tampered = change(asked(STRONG))
    assert not genuine(tampered, KEY)
    heard = clicked("web", "id-1", now=max(105.0, tampered.staged))
    assert verdict(heard, tampered) == Refused("tampered", True)


def test_a_seal_of_another_key_is_none() -> None:
    assert not genuine(asked(), b"another key")


@pytest.mark.parametrize("why", ["a new command", "another context", "logged out", "the policy is new"])
def test_what_ends_a_conversation_takes_its_questions_back(why: str) -> None:
    store = kept(
        asked(), OTHER, asked(identifier="id-3", bound=replace(BOUND, speaker=replace(ANN, user="bob")))
    )
    assert cancel_all(store, ANN, why) == 2
    assert answered(store, clicked("yes", "id-1"), KEY) == Refused("used", True)
    bob = replace(ANN, user="bob")
    assert isinstance(answered(store, clicked("yes", "id-3", by=bob), KEY), Settled)


def test_an_id_is_given_once() -> None:
    store = kept(asked())
    with pytest.raises(ValueError, match="never given twice"):
        store.add(asked())


def test_a_yes_where_nothing_is_asked_does_nothing_and_another_word_is_a_command() -> None:
    assert verdict(said("yes")) == Refused("nothing_asked", False)
    assert verdict(said("list the pods")) == NoAnswer()
    assert verdict(clicked("yes", "id-9")) == Refused("nothing_asked", False)


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (BOUND, None),
        (replace(BOUND, target=replace(WEB, resource_version="2002")), None),
        (replace(BOUND, target=replace(WEB, uid="uid-9")), "another object of that name"),
        (replace(BOUND, target=replace(WEB, generation=5)), "somebody has changed it"),
        (replace(BOUND, diff_sha256=digest("-5 +6")), "the change would be another one"),
        (replace(BOUND, level="DESTRUCTIVE"), "another level"),
        (replace(BOUND, speaker=replace(ANN, cluster_uid="x")), "another cluster"),
        (replace(BOUND, arguments=canonical({"replicas": 12})), "another call"),
    ],
)
def test_what_is_not_as_it_was_asked_about_is_another_question(found: Bound, why: str | None) -> None:
    """Deleted and made again, changed by an autoscaler, or only its status moved."""
    drifted = drift(BOUND, found)
    assert drifted is None if why is None else drifted is not None and why in drifted


@pytest.mark.parametrize(
    ("status", "follows"),
    [(200, "ask"), (403, "denied"), (404, "gone"), (409, "ask_again"), (422, "not_shown"), (500, "not_shown"),
     (400, "not_shown"), (504, "not_shown"), (None, "not_shown")],
)  # fmt: skip
def test_a_change_that_cannot_be_shown_is_not_asked_about(status: int | None, follows: str) -> None:
    assert after_dry_run(status).next == follows


@pytest.mark.parametrize(
    ("status", "follows", "security"),
    [(200, "done", False), (403, "denied", True), (404, "gone", False), (409, "ask_again", False),
     (422, "not_shown", False), (429, "not_shown", False), (500, "look", False), (None, "look", False)],
)  # fmt: skip
def test_a_write_is_never_repeated_on_the_strength_of_one_yes(
    status: int | None, follows: str, security: bool
) -> None:
    outcome = after_write(status)
    assert (outcome.next, outcome.security) == (follows, security)


class AnyOrder(RuleBasedStateMachine):
    """Answers of anybody in any order: each question is acted on once at most, and by whom it asks."""

    def __init__(self) -> None:
        super().__init__()
        self.store = PendingsInMemory()
        self.now = 100.0
        self.made = 0
        self.acted: list[Pending] = []

    @rule(strong=st.booleans(), user=st.sampled_from(["ann", "bob"]))
    def ask(self, strong: bool, user: str) -> None:
        self.made += 1
        bound = replace(BOUND, speaker=replace(ANN, user=user))
        confirmation = STRONG if strong else YES
        identifier, code = f"id-{self.made}", f"{10 + self.made % 90}"
        self.store.add(
            staged(bound, confirmation, "Do it?", identifier=identifier, code=code, now=self.now, key=KEY)
        )

    @rule(number=st.integers(1, 4))
    def play(self, number: int) -> None:
        found = self.store.with_id(f"id-{number}")
        if found:
            self.store.exchange(found, played(found, self.now))

    @rule(
        text=st.sampled_from(["yes", "no", "web", "web 11", "12", "scale web to ten", "yes to ten", "99"]),
        user=st.sampled_from(["ann", "bob", "eve"]),
        pointed=st.none() | st.integers(1, 4).map(lambda number: f"id-{number}"),
        late=st.floats(0, 40),
    )
    def answer(self, text: str, user: str, pointed: str | None, late: float) -> None:
        self.now += late
        heard = Heard(
            text, replace(ANN, user=user), self.now, pointed, began=self.now - 0.2, spoken=pointed is None
        )
        verdict = answered(self.store, heard, KEY)
        if isinstance(verdict, Settled):
            assert verdict.before.bound.speaker.user == user
            assert self.now < verdict.before.expires
            assert verdict.before.confirmation is YES or text != "yes"
            assert text not in {"no", "yes to ten", "scale web to ten", "99"}
            assert pointed is not None or verdict.before.played is not None
            self.acted.append(verdict.before)

    @invariant()
    def each_is_acted_on_once_at_most(self) -> None:
        assert len({each.id for each in self.acted}) == len(self.acted)


AnyOrder.TestCase.settings = examples(max_examples=40, stateful_step_count=25)
TestAnyOrder = AnyOrder.TestCase
