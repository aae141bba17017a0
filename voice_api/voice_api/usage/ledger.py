"""The ledger: reserve before the call, send, then settle or release; nothing is granted past a budget."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import Protocol

from voice_api.usage import entries
from voice_api.usage.amounts import Amounts
from voice_api.usage.budgets import Budget, Counted, Refused, Use, refusal
from voice_api.usage.entries import Ask, Entry
from voice_api.usage.runway import Outlook, outlook
from voice_api.usage.sums import Sum
from voice_api.usage.windows import AtOnce, Month, Moving

DAY_MILLISECONDS = 86_400_000
FOLDED_AFTER = 2 * DAY_MILLISECONDS
"""So long a wish that comes again is known by its key, and an end that is told late is written down."""

FORGOTTEN_AFTER = 400 * DAY_MILLISECONDS
FOLDING_PAUSE = 900_000
MOST_AT_ONCE = 500

Budgets = Callable[[str, str], tuple[Budget, ...]]
"""Engine and caller -> the budgets that hold for them."""


class Pages(Protocol):
    """The ledger's lines within one transaction; nobody else writes meanwhile."""

    def latest_at(self) -> int: ...

    def note_time(self, at: int) -> None: ...

    def exhausted_until(self, engine: str) -> int: ...

    def exhaust(self, engine: str, until: int) -> None: ...

    def last(self, idempotency_key: str) -> Entry | None:
        """The line of the last attempt."""
        ...

    def again(self, entry: Entry) -> Entry | None:
        """The line as it is written now; None once it is folded."""
        ...

    def add(self, entry: Entry) -> None: ...

    def change(self, entry: Entry) -> None: ...

    def used(self, budget: Budget, since: int, now: int) -> int:
        """What counts of lines that were not over at `since`."""
        ...

    def held(self, budget: Budget, now: int) -> int:
        """The part of it that is open: held, or sent and not settled."""
        ...

    def under_way(self, budget: Budget, now: int) -> int:
        """How many lines are open; a call has one, and so has a stream as long as it lasts."""
        ...

    def sums(self, since: int, until: int, now: int) -> tuple[Sum, ...]:
        """What counts of lines that were over within that time, or will be."""
        ...

    def fold(self, before: int, most: int) -> int:
        """Fold the oldest lines that were over before; how many."""
        ...

    def forget(self, before: int) -> None:
        """Drop what was folded before."""
        ...

    def events(self, budget: Budget, since: int, now: int) -> tuple[Counted, ...]:
        """What counts of lines sent after `since`, and of those that are held, which may be sent now."""
        ...


class Store(Protocol):
    """Where the lines are."""

    def writing(self) -> AbstractContextManager[Pages]:
        """One transaction, durable when it ends; VoiceApiError 503 when it cannot be had in time."""
        ...


@dataclass(frozen=True, slots=True)
class Granted:
    """Held for the asker, and for nobody else, until it is over."""

    entry: Entry


@dataclass(frozen=True, slots=True)
class Repeated:
    """The same wish was granted before, to somebody who holds it, sent it, or ended without a word."""

    entry: Entry


@dataclass(frozen=True, slots=True)
class Exhausted:
    """The engine itself said that there is no more until then."""

    until: int


class Ledger:
    """One ledger; safe to use from several threads, processes and, on PostgreSQL, machines.

    clock  milliseconds since 1970 in UTC. The ledger's own time never goes back, whatever the clock does.
    """

    def __init__(self, store: Store, budgets: Budgets, clock: Callable[[], int]) -> None:
        self._store = store
        self._budgets = budgets
        self._clock = clock
        self._folded_at = 0

    def reserve(self, ask: Ask, follows: Entry | None = None) -> Granted | Repeated | Refused | Exhausted:
        """Hold what is asked for, before anything is spent.

        follows  the slice before, of the same stream: it is settled in full once the next one is granted, in
                 the same transaction, so that nobody ever finds two lines of a stream open, or none
        """
        with self._open() as (pages, now):
            self._fold(pages, now)
            before = pages.last(ask.idempotency_key)
            match before.standing(now) if before else None:
                case "held" | "sent" | "settled" | "expired" if before:
                    return Repeated(before)
            if (until := pages.exhausted_until(ask.engine)) > now:
                return Exhausted(until)
            if refused := refusal(self._uses(pages, ask.engine, ask.caller, now), ask.amounts, now):
                return refused
            if line := pages.again(follows) if follows else None:
                pages.change(entries.settled(line, line.held, now))
            entry = entries.opened(ask, before.attempt + 1 if before else 1, now)
            pages.add(entry)
            return Granted(entry)

    def send(self, entry: Entry) -> bool:
        """Whether the holder may call the engine now: once, and not after it is over."""
        with self._open() as (pages, now):
            line = pages.again(entry)
            changed = entries.sent(line, now) if line else None
            if changed:
                pages.change(changed)
            return changed is not None

    def settle(self, entry: Entry, spent: Amounts) -> Entry:
        """Write down what was spent; also late, and also more than was held, for it is the truth."""
        return self._change(entry, lambda line, now: entries.settled(line, spent, now))

    def release(self, entry: Entry) -> Entry:
        """Give back what is certain not to have been spent."""
        return self._change(entry, entries.released)

    def exhaust(self, engine: str, caller: str) -> int:
        """The engine says that its free tier is used up: closed until the month is over, which is returned.

        The month is that of the first monthly budget; a day where there is none.
        """
        with self._open() as (pages, now):
            windows = (budget.window for budget in self._budgets(engine, caller))
            ends = [window.around(now).end for window in windows if isinstance(window, Month)]
            until = ends[0] if ends else now + DAY_MILLISECONDS
            pages.exhaust(engine, until)
            return until

    def uses(self, engine: str, caller: str) -> tuple[Use, ...]:
        """How the budgets stand."""
        with self._open() as (pages, now):
            return self._uses(pages, engine, caller, now)

    def outlooks(self, engine: str, caller: str) -> tuple[Outlook, ...]:
        """How the budgets stand, and how long they last at today's pace."""
        with self._open() as (pages, now):
            return tuple(
                replace(
                    outlook(use, _lately(pages, use, now), DAY_MILLISECONDS, now),
                    held=pages.held(use.budget, now),
                )
                for use in self._uses(pages, engine, caller, now)
            )

    def sums(self, since: int, until: int) -> tuple[Sum, ...]:
        """What was used within that time, by engine and caller."""
        with self._open() as (pages, now):
            return pages.sums(since, until, now)

    def exhausted_until(self, engine: str) -> int | None:
        """Until when the engine has said that there is no more; None where it has not, or it is past."""
        with self._open() as (pages, now):
            until = pages.exhausted_until(engine)
            return until if until > now else None

    def now(self) -> int:
        """The ledger's time."""
        with self._open() as (_, now):
            return now

    def _fold(self, pages: Pages, now: int) -> None:
        """Now and then, a bounded number of lines; again at once where there were more."""
        if now - self._folded_at < FOLDING_PAUSE:
            return
        if pages.fold(now - FOLDED_AFTER, MOST_AT_ONCE) < MOST_AT_ONCE:
            pages.forget(now - FORGOTTEN_AFTER)
            self._folded_at = now

    def _change(self, entry: Entry, change: Callable[[Entry, int], Entry]) -> Entry:
        with self._open() as (pages, now):
            line = pages.again(entry)
            if line is None:
                return entry  # over for days, and counted as it stood
            changed = change(line, now)
            if changed != line:
                pages.change(changed)
            return changed

    def _uses(self, pages: Pages, engine: str, caller: str, now: int) -> tuple[Use, ...]:
        return tuple(_use(pages, budget, now) for budget in self._budgets(engine, caller))

    @contextmanager
    def _open(self) -> Iterator[tuple[Pages, int]]:
        with self._store.writing() as pages:
            latest = pages.latest_at()
            now = max(self._clock(), latest)
            if now > latest:
                pages.note_time(now)
            yield pages, now


def _lately(pages: Pages, use: Use, now: int) -> int:
    """What was used within a day, and within this month."""
    match use.budget.window:
        case Month() as month:
            since = max(now - DAY_MILLISECONDS, month.around(now).start - 1)
            return sum(event.amount for event in pages.events(use.budget, since, now))
        case _:
            return 0


def _use(pages: Pages, budget: Budget, now: int) -> Use:
    match budget.window:
        case Month() as month:
            return Use(budget, pages.used(budget, month.around(now).start, now))
        case Moving(milliseconds):
            events = pages.events(budget, now - milliseconds, now)
            return Use(budget, sum(event.amount for event in events), events)
        case AtOnce():
            return Use(budget, pages.under_way(budget, now))
