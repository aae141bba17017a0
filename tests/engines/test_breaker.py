"""An engine that fails five times in 30 s is left alone for 30 s, then asked by exactly one."""

from hypothesis import given
from hypothesis import strategies as st

from voice_api.engines.breaker import (
    CLOSED,
    LONGEST_REST_SECONDS,
    PROBE_SECONDS,
    REST_SECONDS,
    Breaker,
    asked,
    failed,
    told_to_wait,
    undecided,
    worked,
)


def after_failures(*times: float) -> Breaker:
    breaker = CLOSED
    for at in times:
        breaker = failed(breaker, "call", at)
    return breaker


OPEN = after_failures(0, 1, 2, 3, 4)


def test_four_failures_leave_it_closed_and_the_fifth_opens_it() -> None:
    assert asked(after_failures(0, 1, 2, 3), 4)[1] == "call"
    assert asked(OPEN, 4)[1] == "no"


def test_failures_of_30_seconds_ago_do_not_count() -> None:
    assert asked(after_failures(0, 7, 14, 21, 30), 30)[1] == "call"
    assert asked(after_failures(0.1, 7, 14, 21, 30), 30)[1] == "no"


def test_after_the_rest_exactly_one_probes() -> None:
    assert asked(OPEN, 4 + REST_SECONDS - 0.01)[1] == "no"
    probing, permission = asked(OPEN, 4 + REST_SECONDS)
    assert permission == "probe"
    assert asked(probing, 4 + REST_SECONDS + 1)[1] == "no"


def test_a_probe_that_works_closes_it() -> None:
    probing, permission = asked(OPEN, 40)
    assert worked(probing, permission) == CLOSED


def test_a_probe_that_fails_opens_it_again() -> None:
    probing, permission = asked(OPEN, 40)
    breaker = failed(probing, permission, 41)
    assert asked(breaker, 41 + REST_SECONDS - 0.01)[1] == "no"
    assert asked(breaker, 41 + REST_SECONDS)[1] == "probe"


def test_a_probe_that_died_is_followed_by_another() -> None:
    probing, _ = asked(OPEN, 40)
    assert asked(probing, 40 + PROBE_SECONDS)[1] == "probe"


def test_a_probe_that_says_nothing_leaves_room_for_another() -> None:
    probing, permission = asked(OPEN, 40)
    assert asked(undecided(probing, permission), 40)[1] == "probe"


def test_calls_from_before_it_opened_change_nothing() -> None:
    assert worked(OPEN, "call") == OPEN
    assert failed(OPEN, "call", 20) == OPEN


def test_a_time_to_wait_is_kept_but_not_for_more_than_an_hour() -> None:
    assert asked(told_to_wait(7, 0), 6.9)[1] == "no"
    assert asked(told_to_wait(7, 0), 7)[1] == "probe"
    assert asked(told_to_wait(1e9, 0), LONGEST_REST_SECONDS)[1] == "probe"


@given(st.lists(st.tuples(st.sampled_from(["works", "fails", "dies"]), st.floats(0, 40)), max_size=60))
def test_in_no_30_seconds_more_than_five_calls_fail_once_they_come_one_by_one(
    happenings: list[tuple[str, float]],
) -> None:
    breaker, now, failures = CLOSED, 0.0, []
    for what, pause in happenings:
        now += pause
        breaker, permission = asked(breaker, now)
        if permission == "no":
            continue
        if what == "fails":
            failures.append(now)
            breaker = failed(breaker, permission, now)
        elif what == "works":
            breaker = worked(breaker, permission)
    assert all(sum(1 for t in failures if at <= t < at + 29.9) <= 5 for at in failures)
