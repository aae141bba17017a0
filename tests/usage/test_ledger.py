"""The ledger's life: what is held, sent, settled, given back or over, in both databases."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from zoneinfo import ZoneInfo

import pytest

from voice_api.errors import VoiceApiError
from voice_api.usage.amounts import Amounts, Unit
from voice_api.usage.budgets import Budget, Refused
from voice_api.usage.entries import Ask, Entry
from voice_api.usage.ledger import Budgets, Exhausted, Granted, Ledger, Pages, Repeated
from voice_api.usage.policy import Bounds, EnginePolicy, Policy
from voice_api.usage.runway import Runway
from voice_api.usage.slices import SlicedStream
from voice_api.usage.store import SqlStore, postgresql_engine, sqlite_engine, unavailable
from voice_api.usage.windows import Month

DAY = 86_400_000
MONTH = Month(1, ZoneInfo("UTC"))
Open = Callable[[Budgets], Ledger]


def ask(key: str, seconds: int = 60, caller: str = "ann", engine: str = "hume", requests: int = 1) -> Ask:
    return Ask(key, engine, caller, Amounts(requests, seconds * 1000), 30_000)


def granted(ledger: Ledger, wish: Ask) -> Entry:
    answer = ledger.reserve(wish)
    assert isinstance(answer, Granted), answer
    return answer.entry


def used(ledger: Ledger, unit: Unit = Unit.MILLISECONDS) -> int:
    return next(use.used for use in ledger.uses("hume", "ann") if use.budget.unit == unit)


def test_the_eleventh_minute_is_refused_until_the_month_is_over(ledger_with: Open, clock) -> None:
    ledger = ledger_with(Policy().budgets)
    for minute in range(10):
        granted(ledger, ask(f"minute {minute}"))
        clock.now += 7_000
        ledger.settle(ledger_sent(ledger, f"minute {minute}", clock), Amounts(1, 60_000))
    refused = ledger.reserve(ask("one more", seconds=1))
    assert isinstance(refused, Refused)
    assert refused.use.budget.unit == Unit.MILLISECONDS
    assert refused.retry_at == MONTH.around(clock.now).end
    clock.now = refused.retry_at
    granted(ledger, ask("next month"))


def ledger_sent(ledger: Ledger, key: str, clock) -> Entry:
    """The line of a wish that was granted, sent."""
    repeated = ledger.reserve(ask(key))
    assert isinstance(repeated, Repeated)
    assert ledger.send(repeated.entry)
    return repeated.entry


def test_the_eleventh_request_within_a_minute_waits_for_the_first(ledger_with: Open, clock) -> None:
    ledger = ledger_with(Policy().budgets)
    first = clock.now
    for number in range(10):
        assert ledger.send(granted(ledger, ask(str(number), seconds=1)))
        clock.now += 1_000
    refused = ledger.reserve(ask("eleventh", seconds=1))
    assert isinstance(refused, Refused)
    assert refused.use.budget.unit == Unit.REQUESTS
    assert refused.retry_at == first + 60_000
    clock.now = first + 59_999
    assert isinstance(ledger.reserve(ask("eleventh", seconds=1)), Refused)
    clock.now = first + 60_000
    granted(ledger, ask("eleventh", seconds=1))


def test_a_request_counts_from_when_it_was_sent_and_not_from_when_it_was_held(
    ledger_with: Open, clock
) -> None:
    ledger = ledger_with(Policy().budgets)
    held = [granted(ledger, ask(str(number), seconds=1)) for number in range(10)]
    clock.now += 29_000
    assert all(ledger.send(entry) for entry in held)
    clock.now += 59_000
    assert isinstance(ledger.reserve(ask("eleventh", seconds=1)), Refused)


def test_what_was_settled_counts_by_what_was_spent(ledger_with: Open) -> None:
    ledger = ledger_with(Policy().budgets)
    entry = granted(ledger, ask("a"))
    assert used(ledger) == 60_000
    ledger.send(entry)
    ledger.settle(entry, Amounts(1, 1_234))
    assert used(ledger) == 1_234


def test_more_than_was_held_is_written_down_as_it_is(ledger_with: Open) -> None:
    ledger = ledger_with(Policy().budgets)
    entry = granted(ledger, ask("a", seconds=600))
    ledger.send(entry)
    ledger.settle(entry, Amounts(1, 600_500))
    assert used(ledger) == 600_500
    assert isinstance(ledger.reserve(ask("b", seconds=1)), Refused)


def test_the_first_settlement_stands(ledger_with: Open) -> None:
    ledger = ledger_with(Policy().budgets)
    entry = granted(ledger, ask("a"))
    ledger.send(entry)
    ledger.settle(entry, Amounts(1, 2_000))
    assert ledger.settle(entry, Amounts(1, 1)).counted.milliseconds == 2_000
    assert ledger.release(entry).state == "settled"
    assert used(ledger) == 2_000


def test_what_was_not_sent_is_given_back_when_it_is_over(ledger_with: Open, clock) -> None:
    ledger = ledger_with(Policy().budgets)
    entry = granted(ledger, ask("a", seconds=600))
    clock.now += 29_999
    assert used(ledger) == 600_000
    clock.now += 1
    assert used(ledger) == 0
    assert not ledger.send(entry)


def test_what_was_sent_and_never_settled_counts_in_full(ledger_with: Open, clock) -> None:
    ledger = ledger_with(Policy().budgets)
    entry = granted(ledger, ask("a"))
    ledger.send(entry)
    clock.now += 2 * DAY
    assert used(ledger) == 60_000
    ledger.settle(entry, Amounts(1, 500))
    assert used(ledger) == 500


def test_a_failed_call_gives_its_sound_back_and_was_a_request(ledger_with: Open) -> None:
    ledger = ledger_with(Policy().budgets)
    entry = granted(ledger, ask("a"))
    ledger.send(entry)
    ledger.release(entry)
    assert (used(ledger), used(ledger, Unit.REQUESTS)) == (0, 1)


def test_a_call_that_was_given_back_before_it_went_out_was_no_request(ledger_with: Open) -> None:
    ledger = ledger_with(Policy().budgets)
    ledger.release(granted(ledger, ask("a")))
    assert (used(ledger), used(ledger, Unit.REQUESTS)) == (0, 0)


def test_only_one_may_send_what_was_reserved_once(ledger_with: Open) -> None:
    ledger, other = ledger_with(Policy().budgets), ledger_with(Policy().budgets)
    entry = granted(ledger, ask("a"))
    assert [other.send(entry), ledger.send(entry)] == [True, False]


def test_the_same_wish_again_is_not_counted_again(ledger_with: Open) -> None:
    ledger = ledger_with(Policy().budgets)
    entry = granted(ledger, ask("a"))
    assert ledger.reserve(ask("a")) == Repeated(entry)
    assert used(ledger) == 60_000


def test_a_wish_of_which_nothing_came_may_be_tried_again(ledger_with: Open, clock) -> None:
    ledger = ledger_with(Policy().budgets)
    first = granted(ledger, ask("a"))
    clock.now += 30_000
    second = granted(ledger, ask("a"))
    ledger.send(second)
    ledger.release(second)
    third = granted(ledger, ask("a"))
    assert [first.attempt, second.attempt, third.attempt] == [1, 2, 3]
    assert used(ledger, Unit.REQUESTS) == 2
    assert not ledger.send(first)


def test_what_is_open_at_the_reset_counts_in_both_months(ledger_with: Open, clock) -> None:
    ledger = ledger_with(Policy().budgets)
    clock.now = MONTH.around(clock.now).end - 1_000
    entry = granted(ledger, ask("a", seconds=600))
    ledger.send(entry)
    clock.now += 2_000
    assert isinstance(ledger.reserve(ask("b", seconds=1)), Refused)
    ledger.settle(entry, Amounts(1, 400_000))
    assert used(ledger) == 400_000


def test_what_is_settled_long_after_it_was_over_does_not_burden_the_next_month(
    ledger_with: Open, clock
) -> None:
    ledger = ledger_with(Policy().budgets)
    late = granted(ledger, ask("a", seconds=600))
    ledger.send(late)
    clock.now = MONTH.around(clock.now).end
    granted(ledger, ask("b", seconds=600))
    ledger.settle(late, Amounts(1, 500_000))
    assert used(ledger) == 600_000


@pytest.mark.parametrize("back", [1_000, DAY, 40 * DAY])
def test_a_clock_that_goes_back_gives_nothing_back(ledger_with: Open, clock, back: int) -> None:
    ledger = ledger_with(Policy().budgets)
    entry = granted(ledger, ask("a", seconds=600))
    ledger.send(entry)
    ledger.settle(entry, Amounts(1, 600_000))
    clock.now -= back
    assert isinstance(ledger.reserve(ask("b", seconds=1)), Refused)
    again = ledger_with(Policy().budgets)
    assert isinstance(again.reserve(ask("c", seconds=1)), Refused)


def test_what_is_used_while_the_clock_is_wrong_counts_when_it_is_right_again(
    ledger_with: Open, clock
) -> None:
    ledger, right = ledger_with(Policy().budgets), clock.now
    ledger.uses("hume", "ann")
    clock.now -= 40 * DAY
    ledger.send(granted(ledger, ask("a", seconds=600)))
    clock.now = right
    assert isinstance(ledger.reserve(ask("b", seconds=1)), Refused)


def test_a_caller_has_a_budget_within_that_of_all(ledger_with: Open) -> None:
    each = Bounds(requests_a_minute=2)
    policy = Policy({"hume": EnginePolicy(each_caller=each, callers={"bob": Bounds(requests_a_minute=20)})})
    ledger = ledger_with(policy.budgets)
    answers = [ledger.reserve(ask(f"ann {number}", 1)) for number in range(3)]
    assert [type(answer) for answer in answers] == [Granted, Granted, Refused]
    answers = [ledger.reserve(ask(f"bob {number}", 1, "bob")) for number in range(9)]
    assert [type(answer) for answer in answers] == [Granted] * 8 + [Refused]
    assert isinstance(answers[-1], Refused)
    assert answers[-1].use.budget.caller is None


def test_what_asks_for_no_request_is_not_bound_by_requests(ledger_with: Open) -> None:
    ledger = ledger_with(Policy().budgets)
    for number in range(10):
        granted(ledger, ask(str(number), 1))
    granted(ledger, ask("a slice of a stream", 1, requests=0))


def test_engines_have_budgets_of_their_own_and_one_in_common(ledger_with: Open) -> None:
    together = Budget(Unit.MILLISECONDS, 90_000, MONTH)
    ledger = ledger_with(lambda engine, _: (Budget(Unit.MILLISECONDS, 60_000, MONTH, engine), together))
    granted(ledger, ask("a", 60, engine="hume"))
    refused = ledger.reserve(ask("b", 31, engine="eleven"))
    assert isinstance(refused, Refused)
    assert refused.use.budget == together
    granted(ledger, ask("c", 30, engine="eleven"))


def test_more_than_the_whole_budget_never_fits(ledger_with: Open) -> None:
    refused = ledger_with(Policy().budgets).reserve(ask("a", seconds=601))
    assert isinstance(refused, Refused)
    assert refused.retry_at is None


def test_an_engine_that_says_it_is_exhausted_is_closed_until_the_month_is_over(
    ledger_with: Open, clock
) -> None:
    ledger = ledger_with(Policy().budgets)
    end = MONTH.around(clock.now).end
    assert ledger.exhaust("hume", "ann") == end
    assert ledger.reserve(ask("a")) == Exhausted(end)
    assert isinstance(ledger.reserve(ask("b", engine="eleven")), Granted)
    clock.now = end
    granted(ledger, ask("a"))


def test_at_todays_pace_a_budget_lasts_until_a_time_before_its_reset(ledger_with: Open, clock) -> None:
    ledger = ledger_with(Policy().budgets)
    for day, seconds in ((1, 120), (2, 120)):
        entry = granted(ledger, ask(f"day {day}", seconds))
        ledger.send(entry)
        ledger.settle(entry, Amounts(1, seconds * 1000))
        clock.now += DAY - 1
    minutes, requests = ledger.outlooks("hume", "ann")
    assert (minutes.use.left, requests.runway) == (360_000, None)
    assert minutes.runway == Runway(clock.now + 3 * DAY, MONTH.around(clock.now).end)
    clock.now += 2
    assert ledger.outlooks("hume", "ann")[0].runway == Runway(None, MONTH.around(clock.now).end)


def test_a_slice_is_not_granted_without_a_ledger() -> None:
    class Gone:
        @contextmanager
        def writing(self) -> Iterator[Pages]:
            raise unavailable("it is gone")
            yield

    assert not SlicedStream(Ledger(Gone(), Policy().budgets, lambda: 0), ask("a")).covers(1)


def test_another_process_finds_all_that_was_written(ledger_with: Open) -> None:
    granted(ledger_with(Policy().budgets), ask("a"))
    assert used(ledger_with(Policy().budgets)) == 60_000


def test_a_file_that_cannot_be_written_is_said_in_words(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(VoiceApiError, match="usage ledger cannot be written") as caught:
        SqlStore(sqlite_engine(tmp_path / "file" / "usage.sqlite"))
    assert (caught.value.code, caught.value.status) == ("ledger_unavailable", 503)


def test_a_file_that_is_no_database_is_said_in_words(tmp_path) -> None:
    (tmp_path / "usage.sqlite").write_text("not a database, " * 100)
    with pytest.raises(VoiceApiError, match="usage ledger cannot be written"):
        SqlStore(sqlite_engine(tmp_path / "usage.sqlite"))


def test_a_ledger_that_another_writer_keeps_is_given_up_in_time(tmp_path) -> None:
    file = tmp_path / "usage.sqlite"
    first, second = SqlStore(sqlite_engine(file)), SqlStore(sqlite_engine(file, 0.1), 0.1)
    with first.writing(), pytest.raises(VoiceApiError, match="usage ledger cannot be written"):
        second.writing().__enter__()
    with second.writing() as pages:
        assert pages.latest_at() == 0


def test_a_database_that_does_not_answer_is_said_without_its_password() -> None:
    address = "postgresql://kvx:canary-password@127.0.0.1:1/usage"
    with pytest.raises(VoiceApiError, match="usage ledger cannot be written") as caught:
        SqlStore(postgresql_engine(address, 2))
    assert "canary" not in str(caught.value) + repr(caught.value.__cause__)


def test_only_its_user_reads_the_file(tmp_path) -> None:
    SqlStore(sqlite_engine(tmp_path / "deep" / "usage.sqlite"))
    assert (tmp_path / "deep" / "usage.sqlite").stat().st_mode & 0o777 == 0o600


def test_what_two_processes_have_open_counts_together(ledger_with: Open, clock) -> None:
    policy = Policy({"hume": EnginePolicy(at_once=1)})
    one, other = ledger_with(policy.budgets), ledger_with(policy.budgets)
    entry = granted(one, ask("a", seconds=1))
    assert one.send(entry)
    refused = other.reserve(ask("b", seconds=1))
    assert isinstance(refused, Refused)
    assert refused.retry_at == clock.now + 1_000
    one.settle(entry, Amounts(1, 1_000))
    killed = granted(other, ask("b", seconds=1))
    assert other.send(killed)
    assert isinstance(one.reserve(ask("c", seconds=1)), Refused)
    clock.now += 30_000
    granted(one, ask("c", seconds=1))
