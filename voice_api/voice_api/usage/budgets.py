"""Budgets, what counts against them, and whether one more fits; pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from voice_api.usage.amounts import Amounts, Unit
from voice_api.usage.windows import AtOnce, Month, Moving

SOON_MILLISECONDS = 1_000
"""When somebody else may have ended, which nobody knows."""


@dataclass(frozen=True, slots=True)
class Budget:
    """At most so much of a unit in a window.

    engine  whose use counts; None is every engine's together
    caller  whose use counts; None is everybody's together
    """

    unit: Unit
    most: int
    window: Month | Moving | AtOnce
    engine: str | None = None
    caller: str | None = None


@dataclass(frozen=True, slots=True)
class Counted:
    """An amount, and the moment from which a moving window counts it."""

    at: int
    amount: int


@dataclass(frozen=True, slots=True)
class Use:
    """A budget and what counts against it now.

    used    settled, under way and held together
    events  the same one by one, the oldest first, where the window moves; else empty
    """

    budget: Budget
    used: int
    events: tuple[Counted, ...] = ()

    @property
    def left(self) -> int:
        return max(0, self.budget.most - self.used)


@dataclass(frozen=True, slots=True)
class Refused:
    """One more did not fit.

    use       the budget that refused and frees up last
    retry_at  when it would fit if nothing else is reserved until then; None when it never does
    """

    use: Use
    retry_at: int | None


def refusal(uses: Sequence[Use], wanted: Amounts, now: int) -> Refused | None:
    """Why `wanted` does not fit into all budgets; None when it does. What is not wanted never refuses."""
    refused = [
        Refused(use, fits_at(use, wanted.of(use.budget.unit), now))
        for use in uses
        if wanted.of(use.budget.unit) and use.used + wanted.of(use.budget.unit) > use.budget.most
    ]
    return max(refused, key=_patience, default=None)


def fits_at(use: Use, amount: int, now: int) -> int | None:
    """When so much would fit; None when it is more than the whole budget."""
    if amount > use.budget.most:
        return None
    match use.budget.window:
        case Month() as month:
            return month.around(now).end
        case Moving(milliseconds):
            return _room_at(use, amount, milliseconds, now)
        case AtOnce():
            return now + SOON_MILLISECONDS


def _room_at(use: Use, amount: int, window: int, now: int) -> int:
    used = use.used
    for event in use.events:
        if used + amount <= use.budget.most:
            break
        used -= event.amount
        now = max(now, event.at + window)
    return now


def _patience(refused: Refused) -> float:
    return float("inf") if refused.retry_at is None else refused.retry_at
