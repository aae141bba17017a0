"""Over which time a budget counts: a month from the subscription's day, or the last so many seconds."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Period:
    """From `start` until before `end`, in milliseconds since 1970 in UTC."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Month:
    """Begins anew at midnight of the subscription's day, in the provider's time zone.

    A month that is too short for the day begins on its last one: the 31st is 28 or 29 February.
    """

    day: int
    zone: ZoneInfo

    def __post_init__(self) -> None:
        if not 1 <= self.day <= 31:
            raise ValueError(f"no month has a day {self.day}")

    def around(self, at: int) -> Period:
        """The period in which a moment lies."""
        local = datetime.fromtimestamp(at // 1000, self.zone)
        months = local.year * 12 + local.month - 1
        resets = [self._reset(months + offset) for offset in (-1, 0, 1, 2)]
        return next(Period(start, end) for start, end in pairwise(resets) if at < end)

    def _reset(self, months: int) -> int:
        year, month = divmod(months, 12)
        day = min(self.day, monthrange(year, month + 1)[1])
        midnight = datetime(year, month + 1, day, tzinfo=self.zone)
        return int(midnight.timestamp()) * 1000


@dataclass(frozen=True, slots=True)
class Moving:
    """The last so many milliseconds, whatever the time is."""

    milliseconds: int


@dataclass(frozen=True, slots=True)
class AtOnce:
    """Calls and streams that are open at this moment, of all processes that share the ledger."""
