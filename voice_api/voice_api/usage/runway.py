"""How long a budget lasts if it is used on as it was lately; pure."""

from dataclasses import dataclass

from voice_api.usage.budgets import Use
from voice_api.usage.windows import Period

WARNING = 80
"""Percent of a budget from which somebody is told."""


@dataclass(frozen=True, slots=True)
class Runway:
    """empty_at  when nothing is left; None when it lasts until it begins anew, at `resets_at`."""

    empty_at: int | None
    resets_at: int


def runway(use: Use, used_lately: int, lately_milliseconds: int, period: Period, now: int) -> Runway:
    """At today's pace: what was used in the last so many milliseconds, over and over."""
    if not use.left:
        return Runway(now, period.end)
    if not used_lately:
        return Runway(None, period.end)
    empty_at = now + use.left * lately_milliseconds // used_lately
    return Runway(empty_at if empty_at < period.end else None, period.end)


def percent_used(use: Use) -> int:
    """Whole percent, rounded down; a budget of nothing is used up."""
    return use.used * 100 // use.budget.most if use.budget.most else 100
