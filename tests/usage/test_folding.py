"""Old lines are folded into quarters of an hour: nothing that counts is lost, and nothing grows for ever."""

from collections.abc import Callable

import pytest

from voice_api.usage.amounts import Amounts, Unit
from voice_api.usage.entries import Ask, Entry
from voice_api.usage.ledger import FOLDED_AFTER, FORGOTTEN_AFTER, Budgets, Granted, Ledger, Refused
from voice_api.usage.policy import Bounds, EnginePolicy, Policy
from voice_api.usage.sums import Sum

DAY = 86_400_000
Open = Callable[[Budgets], Ledger]
WIDE = Policy({"hume": EnginePolicy(whole=Bounds(minutes=10)), "other": EnginePolicy(whole=Bounds())})  # type: ignore[arg-type]  # a whole number is one, too
EARLY = 1_793_880_000_000  # 2026-11-05 12:00 UTC


def spent(ledger: Ledger, key: str, seconds: int, caller: str = "ann", engine: str = "hume") -> Entry:
    answer = ledger.reserve(Ask(key, engine, caller, Amounts(1, seconds * 1000), 30_000))
    assert isinstance(answer, Granted), answer
    assert ledger.send(answer.entry)
    return ledger.settle(answer.entry, Amounts(1, seconds * 1000, microeuros=7))


def used(ledger: Ledger, unit: Unit = Unit.MILLISECONDS) -> int:
    return next(use.used for use in ledger.uses("hume", "ann") if use.budget.unit == unit)


def test_what_was_folded_counts_until_the_month_is_over(ledger_with: Open, clock) -> None:
    ledger, clock.now = ledger_with(WIDE.budgets), EARLY
    spent(ledger, "a", 300)
    spent(ledger, "b", 200, "bob")
    clock.now += FOLDED_AFTER + DAY
    before = ledger.sums(EARLY - DAY, clock.now)
    spent(ledger, "c", 60)
    assert spent(ledger, "a", 30).attempt == 1, "the line of the same key is folded, and nobody knows it"
    assert used(ledger) == 590_000
    assert ledger.sums(EARLY - DAY, EARLY + DAY) == before
    assert before == (
        Sum("hume", "ann", Amounts(1, 300_000, 0, 7)),
        Sum("hume", "bob", Amounts(1, 200_000, 0, 7)),
    )
    assert isinstance(ledger.reserve(Ask("d", "hume", "ann", Amounts(1, 11_000), 30_000)), Refused)
    clock.now += 30 * DAY
    assert used(ledger) == 0


def test_a_quarter_that_is_folded_twice_adds_up(ledger_with: Open, clock) -> None:
    ledger, clock.now = ledger_with(WIDE.budgets), EARLY
    spent(ledger, "a", 100)
    clock.now += 600_000
    spent(ledger, "b", 100)
    clock.now = EARLY + FOLDED_AFTER + 300_000
    ledger_with(WIDE.budgets).reserve(Ask("x", "other", "ann", Amounts(1), 1))
    clock.now = EARLY + FOLDED_AFTER + DAY
    ledger_with(WIDE.budgets).reserve(Ask("y", "other", "ann", Amounts(1), 1))
    assert ledger.send(ledger_with_line("a")) is False
    assert used(ledger) == 200_000


def ledger_with_line(key: str) -> Entry:
    return Entry(key, 1, "hume", "ann", "held", Amounts(1), Amounts(1), EARLY, EARLY + 1, EARLY + 1)


def test_what_was_held_and_never_sent_is_dropped_and_what_was_sent_counts(ledger_with: Open, clock) -> None:
    ledger, clock.now = ledger_with(WIDE.budgets), EARLY
    ledger.reserve(Ask("never", "hume", "ann", Amounts(1, 60_000), 30_000))
    lost = ledger.reserve(Ask("lost", "hume", "ann", Amounts(1, 120_000), 30_000))
    assert isinstance(lost, Granted)
    ledger.send(lost.entry)
    clock.now += FOLDED_AFTER + DAY
    ledger.reserve(Ask("now", "other", "ann", Amounts(1), 30_000))
    assert used(ledger) == 120_000
    assert ledger.settle(lost.entry, Amounts(1, 1)) == lost.entry, "it is over for days"
    assert used(ledger) == 120_000


def test_after_more_than_a_year_it_is_forgotten(ledger_with: Open, clock) -> None:
    ledger, clock.now = ledger_with(WIDE.budgets), EARLY
    spent(ledger, "a", 100)
    clock.now += FORGOTTEN_AFTER + DAY
    ledger.reserve(Ask("b", "other", "ann", Amounts(1), 30_000))
    assert ledger.sums(EARLY - DAY, EARLY + DAY) == ()


@pytest.mark.parametrize(("after", "open_now"), [(0, 60_000), (30_000, 0)])
def test_what_is_open_is_told_apart(ledger_with: Open, clock, *, after: int, open_now: int) -> None:
    ledger = ledger_with(WIDE.budgets)
    spent(ledger, "a", 100)
    ledger.reserve(Ask("b", "hume", "ann", Amounts(1, 60_000), 30_000))
    clock.now += after
    minutes = ledger.outlooks("hume", "ann")[0]
    assert (minutes.use.used, minutes.held) == (100_000 + open_now, open_now)
