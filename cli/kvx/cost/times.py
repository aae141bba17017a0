"""Time as Hetzner bills it: whole seconds since 1970, calendar months in UTC, started hours."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from kvx.errors import ExitCode, KvxError

HOUR_SECONDS = 3600
DAY_SECONDS = 24 * HOUR_SECONDS
_MONTH = re.compile(r"(?P<year>\d{4})-(?P<number>0[1-9]|1[0-2])")


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A calendar month in UTC, of which Hetzner makes one invoice; written 2026-11."""

    year: int
    number: int

    def __str__(self) -> str:
        return f"{self.year:04}-{self.number:02}"

    @property
    def begin(self) -> int:
        return int(datetime(self.year, self.number, 1, tzinfo=UTC).timestamp())

    @property
    def end(self) -> int:
        """The first second that is not in it any more."""
        return self.following.begin

    @property
    def hours(self) -> int:
        return (self.end - self.begin) // HOUR_SECONDS

    @property
    def following(self) -> "Month":
        return Month(self.year + self.number // 12, self.number % 12 + 1)

    @property
    def previous(self) -> "Month":
        return Month(self.year - (self.number == 1), (self.number - 2) % 12 + 1)


def month_of(seconds: int) -> Month:
    """The month in which that second lies."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return Month(moment.year, moment.month)


def parse_month(text: str) -> Month:
    """`2026-11`; raises a KvxError with exit code 2 for anything else."""
    found = _MONTH.fullmatch(text)
    if found is None:
        raise KvxError(f"{text!r} is no month", "write it as 2026-11", ExitCode.USAGE)
    return Month(int(found["year"]), int(found["number"]))


def seconds_of(text: str) -> int | None:
    """A time as the API writes it, with or without an offset (then UTC); None where it is none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def text_of(seconds: int) -> str:
    """2026-11-21T18:05:00Z."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def day_of(seconds: int) -> str:
    """2026-11-21, in UTC."""
    return text_of(seconds)[:10]


def started_hours(begin: int, end: int) -> int:
    """Hours that have begun between two seconds, counted from the first of them."""
    return max(0, -((begin - end) // HOUR_SECONDS))
