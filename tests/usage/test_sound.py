"""Sound that is heard and spoken is counted off everybody's path, in each database, and lost by no outage."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from voice_api.errors import VoiceApiError
from voice_api.usage.counting import SoundCount, SoundPages, Sounds
from voice_api.usage.ledger import Ledger
from voice_api.usage.policy import Policy
from voice_api.usage.store import SqlStore

DAY = 86_400_000
SOON_SECONDS = 60.0


@pytest.fixture
def store(stores: Callable[[], SqlStore]) -> SqlStore:
    return stores()


def written(store: SqlStore, since: int, until: int) -> tuple[Sounds, ...]:
    """What is in the database, whatever waits elsewhere."""
    with store.sounds() as pages:
        return pages.sums(since, until)


def until_true(true: Callable[[], bool]) -> None:
    end = time.monotonic() + SOON_SECONDS
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_what_several_processes_count_adds_up_by_engine_and_caller(
    stores: Callable[[], SqlStore], clock: Any
) -> None:
    one, other = (SoundCount(stores(), clock, 3600) for _ in range(2))
    one.heard("local", "ann", 1.5)
    one.spoken("local", "ann", 2.25)
    other.heard("local", "ann", 0.5)
    other.spoken("elevenlabs", "bob", 60)
    other.close()
    assert one.sums(clock() - DAY, clock() + 1) == (
        Sounds("elevenlabs", "bob", 1, 0, 60_000),
        Sounds("local", "ann", 3, 2_000, 2_250),
    )
    one.close()
    assert one.sums(clock() - DAY, clock() + 1)[1].number == 3  # nothing twice


def test_it_is_written_by_itself_after_a_pause_and_once_for_all_that_came(
    store: SqlStore, clock: Any
) -> None:
    count = SoundCount(store, clock, 0.05)
    with ten_threads(lambda: [count.heard("local", "ann", 0.001) for _ in range(200)]):
        pass
    until_true(lambda: written(store, 0, clock() + 1) == (Sounds("local", "ann", 2_000, 2_000, 0),))
    count.close()


def test_a_process_that_ends_writes_what_it_counted(store: SqlStore, clock: Any) -> None:
    count = SoundCount(store, clock, 3600)
    count.heard("local", "ann", 1)
    assert written(store, 0, clock() + 1) == ()
    count.close()
    assert written(store, 0, clock() + 1) == (Sounds("local", "ann", 1, 1_000, 0),)


def test_a_month_has_the_sound_of_its_own_quarters_and_400_days_are_kept(store: SqlStore, clock: Any) -> None:
    count = SoundCount(store, clock, 3600)
    begin = clock() - clock() % 900_000
    for at, seconds in ((begin - 1, 1), (begin, 2), (begin + 900_000, 4)):
        clock.now = at
        count.heard("local", "ann", seconds)
        count.sums(0, 1)
    assert written(store, begin, begin + 900_000) == (Sounds("local", "ann", 1, 2_000, 0),)
    clock.now = begin + 400 * DAY
    count.heard("local", "ann", 8)
    count.close()
    assert written(store, 0, clock() + 1) == (Sounds("local", "ann", 3, 14_000, 0),)


def test_it_changes_no_budget(store: SqlStore, clock: Any) -> None:
    count = SoundCount(store, clock, 3600)
    count.spoken("hume", "ann", 600)
    count.close()
    ledger = Ledger(store, Policy().budgets, clock)
    assert [use.used for use in ledger.uses("hume", "ann")] == [0, 0]
    assert ledger.sums(0, clock() + 1) == ()


class Outage:
    """A store that is not there until it is."""

    def __init__(self, store: SqlStore) -> None:
        self.store, self.there, self.asked = store, False, 0

    @contextmanager
    def sounds(self) -> Iterator[SoundPages]:
        self.asked += 1
        if not self.there:
            raise VoiceApiError("ledger_unavailable", "gone", "wait", 503)
        with self.store.sounds() as pages:
            yield pages


def test_what_cannot_be_written_waits_and_is_written_once_it_can(store: SqlStore, clock: Any) -> None:
    outage = Outage(store)
    count = SoundCount(outage, clock, 0.01)
    count.heard("local", "ann", 1)
    until_true(lambda: outage.asked >= 3)  # it goes on trying, and raises nothing into whoever hears
    with pytest.raises(VoiceApiError):
        count.sums(0, 1)
    count.heard("local", "ann", 1)
    outage.there = True
    until_true(lambda: written(store, 0, clock() + 1) == (Sounds("local", "ann", 2, 2_000, 0),))
    count.close()


@contextmanager
def ten_threads(work: Callable[[], object]) -> Iterator[None]:
    threads = [threading.Thread(target=work) for _ in range(10)]
    for thread in threads:
        thread.start()
    yield
    for thread in threads:
        thread.join(SOON_SECONDS)
