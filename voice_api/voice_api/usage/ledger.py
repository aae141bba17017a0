"""The ledger: reserve before the call, send, then settle or release; nothing is granted past a budget."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol

from voice_api.usage import entries
from voice_api.usage.amounts import Amounts
from voice_api.usage.budgets import Budget, Counted, Refused, Use, refusal
from voice_api.usage.entries import Ask, Entry
from voice_api.usage.runway import Outlook, outlook
from voice_api.usage.windows import Month, Moving

DAY_MILLISECONDS = 86_400_000

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

    def again(self, entry: Entry) -> Entry:
        """The line as it is written now."""
        ...

    def add(self, entry: Entry) -> None: ...

    def change(self, entry: Entry) -> None: ...

    def used(self, budget: Budget, since: int, now: int) -> int:
        """What counts of lines that were not over at `since`."""
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

    def reserve(self, ask: Ask) -> Granted | Repeated | Refused | Exhausted:
        """Hold what is asked for, before anything is spent."""
        with self._open() as (pages, now):
            before = pages.last(ask.idempotency_key)
            match before.standing(now) if before else None:
                case "held" | "sent" | "settled" | "expired" if before:
                    return Repeated(before)
            if (until := pages.exhausted_until(ask.engine)) > now:
                return Exhausted(until)
            if refused := refusal(self._uses(pages, ask.engine, ask.caller, now), ask.amounts, now):
                return refused
            entry = entries.opened(ask, before.attempt + 1 if before else 1, now)
            pages.add(entry)
            return Granted(entry)

    def send(self, entry: Entry) -> bool:
        """Whether the holder may call the engine now: once, and not after it is over."""
        with self._open() as (pages, now):
            changed = entries.sent(pages.again(entry), now)
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
                outlook(use, _lately(pages, use, now), DAY_MILLISECONDS, now)
                for use in self._uses(pages, engine, caller, now)
            )

    def _change(self, entry: Entry, change: Callable[[Entry, int], Entry]) -> Entry:
        with self._open() as (pages, now):
            line = pages.again(entry)
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
