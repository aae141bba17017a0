"""A stream is covered slice by slice, to the last second of a budget, and gives back what it did not use."""

from collections.abc import Callable
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from voice_api.usage.amounts import Amounts, Unit
from voice_api.usage.budgets import Refused, Use
from voice_api.usage.entries import Ask
from voice_api.usage.ledger import Budgets, Ledger
from voice_api.usage.policy import EVERY_FIRST, Bounds, EnginePolicy, Policy
from voice_api.usage.slices import SlicedStream
from voice_api.usage.store import SqlStore, sqlite_engine
from voice_api.usage.windows import AtOnce

SLICE = 5_000
Open = Callable[[Budgets], Ledger]


def bounds(seconds: int, **others: int) -> Budgets:
    return Policy({"cloud": EnginePolicy(EVERY_FIRST, Bounds(Decimal(seconds) / 60, **others))}).budgets


def stream(ledger: Ledger, key: str = "stream") -> SlicedStream:
    return SlicedStream(ledger, Ask(key, "cloud", "ann", Amounts(1, SLICE), 30_000))


def use(ledger: Ledger, unit: Unit = Unit.MILLISECONDS) -> Use:
    return next(use for use in ledger.uses("cloud", "ann") if use.budget.unit == unit)


def test_a_stream_holds_one_slice_ahead_and_no_more(ledger_with: Open) -> None:
    ledger = ledger_with(bounds(60))
    talk = stream(ledger)
    assert talk.covers(1)
    assert use(ledger).used == SLICE
    assert talk.covers(SLICE)
    assert use(ledger).used == SLICE
    assert talk.covers(SLICE + 1)
    assert use(ledger).used == 2 * SLICE


def test_a_stream_gives_back_what_it_did_not_use(ledger_with: Open) -> None:
    ledger = ledger_with(bounds(60))
    talk = stream(ledger)
    assert talk.covers(SLICE + 1_234)
    talk.end(SLICE + 1_234)
    assert use(ledger).used == SLICE + 1_234


def test_a_stream_uses_the_budget_to_its_last_second(ledger_with: Open) -> None:
    ledger = ledger_with(bounds(12))
    talk = stream(ledger)
    assert talk.covers(12_000)
    assert not talk.covers(12_001)
    talk.end(12_000)
    assert use(ledger).left == 0


def test_two_streams_share_what_is_left(ledger_with: Open) -> None:
    ledger = ledger_with(bounds(12))
    first, second = stream(ledger, "first"), stream(ledger, "second")
    assert first.covers(SLICE)
    assert second.covers(SLICE)
    assert first.covers(SLICE + 2_000)
    assert not second.covers(SLICE + 1)


def test_a_stream_is_one_request(ledger_with: Open) -> None:
    ledger = ledger_with(bounds(60, requests_a_minute=1))
    talk = stream(ledger)
    assert talk.covers(4 * SLICE)
    assert use(ledger, Unit.REQUESTS).used == 1
    assert not stream(ledger, "another").covers(1)


def test_a_stream_is_one_under_way_from_its_first_slice_to_its_end_whoever_asks(ledger_with: Open) -> None:
    wide = EnginePolicy(EVERY_FIRST, Bounds(), at_once=1)
    ledger, replica = (ledger_with(Policy({"cloud": wide}).budgets) for _ in range(2))
    talk = stream(ledger)
    for slices in range(4):
        assert talk.covers(slices * SLICE + 1)
        other = stream(replica, f"other {slices}")
        assert not other.covers(1)
        assert isinstance(other.refused, Refused)
        assert isinstance(other.refused.use.budget.window, AtOnce)
    talk.end(3 * SLICE + 1)
    assert stream(replica, "another").covers(1)


def test_a_stream_that_is_cut_off_counts_its_last_slice_in_full(ledger_with: Open, clock) -> None:
    ledger = ledger_with(bounds(60))
    assert stream(ledger).covers(SLICE + 1)
    clock.now += 100_000
    assert use(ledger).used == 2 * SLICE


@settings(max_examples=40)
@given(lengths=st.lists(st.integers(0, 20_000), max_size=6))
def test_whatever_streams_end_the_ledger_says_what_they_used(tmp_path_factory, lengths: list[int]) -> None:
    file = tmp_path_factory.mktemp("usage") / "usage.sqlite"
    ledger = Ledger(SqlStore(sqlite_engine(file)), bounds(60), lambda: 1_795_262_400_000)
    used = 0
    for number, length in enumerate(lengths):
        talk = stream(ledger, str(number))
        sent = next((at for at in range(length, -1, -1_000) if talk.covers(at)), 0)
        talk.end(sent)
        used += sent
        assert use(ledger).used == used <= 60_000
