"""However askers die and clocks go: the ledger says no less than the truth, and grants no more."""

from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
)

from voice_api.usage.amounts import Amounts, Unit
from voice_api.usage.budgets import Budget
from voice_api.usage.entries import Ask, Entry
from voice_api.usage.ledger import Granted, Ledger, Repeated
from voice_api.usage.store import SqlStore, sqlite_engine
from voice_api.usage.windows import Month, Moving

MONTH, MINUTE = Month(31, ZoneInfo("Europe/Berlin")), Moving(60_000)
MOST_MILLISECONDS, MOST_REQUESTS = 30_000, 3
LIVES_MS = 20_000
BUDGETS = (
    Budget(Unit.MILLISECONDS, MOST_MILLISECONDS, MONTH, "cloud"),
    Budget(Unit.REQUESTS, MOST_REQUESTS, MINUTE, "cloud"),
)
SHORT = st.sampled_from([1, 999, 19_999, 20_000, 40_000, 59_999, 60_000])
LONG = st.sampled_from([86_400_000, 20 * 86_400_000, 32 * 86_400_000])
SOUND = st.sampled_from([1, MOST_MILLISECONDS // 3, MOST_MILLISECONDS // 2, MOST_MILLISECONDS])
IN_MEMORY = Path("/dev/shm")
Call = tuple[Entry, int]


class Spending(RuleBasedStateMachine):
    """Askers hold, send, settle, give back, or die and say nothing; the provider keeps its own count.

    The count is kept in the ledger's time, which is the clock's as long as that does not go back.
    """

    entries: Bundle[Entry] = Bundle("entries")
    sent: Bundle[Call] = Bundle("sent")

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None)
        self.store = SqlStore(sqlite_engine(Path(self.folder.name) / "usage.sqlite"))
        self.clock = self.latest = 1_795_262_400_000
        self.calls: list[tuple[int, int]] = []
        self.keys = 0
        self.ledger = Ledger(self.store, lambda *_: BUDGETS, lambda: self.clock)

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()

    @rule(step=SHORT)
    def time_passes(self, step: int) -> None:
        self.clock += step
        self.latest = max(self.latest, self.clock)

    @rule(step=LONG)
    def much_time_passes(self, step: int) -> None:
        self.time_passes(step)

    @rule(step=SHORT | LONG)
    def clock_goes_back(self, step: int) -> None:
        self.clock -= step

    @rule()
    def clock_is_put_right(self) -> None:
        self.clock = self.latest

    @rule(target=entries, milliseconds=SOUND)
    def reserve(self, milliseconds: int) -> "Entry | MultipleResults[Entry]":
        self.keys += 1
        return self._asked(f"key {self.keys}", milliseconds)

    @rule(target=entries, before=entries, milliseconds=SOUND)
    def reserve_again(self, before: Entry, milliseconds: int) -> "Entry | MultipleResults[Entry]":
        return self._asked(before.idempotency_key, milliseconds)

    @rule(target=sent, entry=entries, share=st.sampled_from([0, 50, 100]))
    def call(self, entry: Entry, share: int) -> "Call | MultipleResults[Call]":
        """Whoever may send calls the provider, who counts it at once, however it ends for the asker."""
        if not self.ledger.send(entry):
            return multiple()
        spent = entry.held.milliseconds * share // 100
        self.calls.append((self.latest, spent))
        return entry, spent

    @rule(target=sent, milliseconds=SOUND)
    def reserve_and_call(self, milliseconds: int) -> "Call | MultipleResults[Call]":
        self.keys += 1
        entry = self._asked(f"key {self.keys}", milliseconds)
        return self.call(entry, 100) if isinstance(entry, Entry) else multiple()

    @rule(call=consumes(sent))
    def settle(self, call: Call) -> None:
        entry, spent = call
        self.ledger.settle(entry, Amounts(entry.held.requests, spent))

    @rule(call=consumes(sent))
    def die(self, call: Call) -> None:
        """Nothing is ever said of that call again."""

    @rule(entry=entries)
    def give_back_what_was_not_sent(self, entry: Entry) -> None:
        match self.ledger.reserve(self._ask(entry)):
            case Repeated(again) if again.state == "held":
                self.ledger.release(again)

    @invariant()
    def the_ledger_says_no_less_than_the_provider(self) -> None:
        month, minute = self.ledger.uses("cloud", "ann")
        start = MONTH.around(self.latest).start
        assert month.used >= sum(spent for at, spent in self.calls if at >= start)
        assert minute.used >= sum(1 for at, _ in self.calls if at > self.latest - MINUTE.milliseconds)

    @invariant()
    def never_more_is_granted_than_the_budget(self) -> None:
        month, minute = self.ledger.uses("cloud", "ann")
        assert month.used <= MOST_MILLISECONDS
        assert minute.used <= MOST_REQUESTS

    @invariant()
    def the_provider_never_saw_more_than_the_budget(self) -> None:
        for at, _ in self.calls:
            period = MONTH.around(at)
            assert sum(s for t, s in self.calls if period.start <= t < period.end) <= MOST_MILLISECONDS
            assert sum(1 for t, _ in self.calls if at <= t < at + MINUTE.milliseconds) <= MOST_REQUESTS

    def _asked(self, key: str, milliseconds: int) -> "Entry | MultipleResults[Entry]":
        answer = self.ledger.reserve(Ask(key, "cloud", "ann", Amounts(1, milliseconds), LIVES_MS))
        return answer.entry if isinstance(answer, Granted) else multiple()

    def _ask(self, entry: Entry) -> Ask:
        return Ask(entry.idempotency_key, entry.engine, entry.caller, entry.held, LIVES_MS)


Spending.TestCase.settings = settings(max_examples=40, stateful_step_count=30)
TestSpending = Spending.TestCase
