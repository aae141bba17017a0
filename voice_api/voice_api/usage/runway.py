"""How long a budget lasts if it is used on as it was lately; pure."""

from dataclasses import dataclass

from voice_api.usage.budgets import Use
from voice_api.usage.windows import Month, Period

WARNING = 80
"""Percent of a budget from which somebody is told."""


@dataclass(frozen=True, slots=True)
class Runway:
    """empty_at  when nothing is left; None when it lasts until it begins anew, at `resets_at`."""

    empty_at: int | None
    resets_at: int


@dataclass(frozen=True, slots=True)
class Outlook:
    """A budget, how it stands, how long it lasts, and what of it is open; a moving window always lasts."""

    use: Use
    runway: Runway | None
    held: int = 0


def outlook(use: Use, used_lately: int, lately_milliseconds: int, now: int) -> Outlook:
    """`used_lately` is what counts of the last so many milliseconds."""
    match use.budget.window:
        case Month() as month:
            period = month.around(now)
            lately = min(lately_milliseconds, max(1, now - period.start))
            return Outlook(use, runway(use, used_lately, lately, period, now))
        case _:
            return Outlook(use, None)


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
