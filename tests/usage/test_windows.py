"""Months of a subscription: leap days, short months, time zones, and days without a midnight."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_api.usage.windows import Month

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Pacific/Apia", "America/Sao_Paulo", "Asia/Kathmandu")
YEARS = st.integers(0, 4_102_444_800_000)
MONTHS = st.builds(Month, st.integers(1, 31), st.sampled_from([ZoneInfo(zone) for zone in ZONES]))


def at(text: str, zone: str = "UTC") -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


@pytest.mark.parametrize(
    ("day", "now", "start", "end"),
    [
        (1, "2026-11-21T12:00", "2026-11-01", "2026-12-01"),
        (21, "2026-11-21T00:00", "2026-11-21", "2026-12-21"),
        (22, "2026-11-21T23:59:59.999", "2026-10-22", "2026-11-22"),
        (31, "2026-02-27T12:00", "2026-01-31", "2026-02-28"),
        (31, "2026-02-28T12:00", "2026-02-28", "2026-03-31"),
        (31, "2028-02-28T12:00", "2028-01-31", "2028-02-29"),
        (29, "2028-02-29T12:00", "2028-02-29", "2028-03-29"),
        (29, "2027-03-01T12:00", "2027-02-28", "2027-03-29"),
        (30, "2026-12-31T12:00", "2026-12-30", "2027-01-30"),
        (31, "2026-01-01T00:00", "2025-12-31", "2026-01-31"),
    ],
)
def test_a_month_begins_on_the_subscriptions_day(day: int, now: str, start: str, end: str) -> None:
    period = Month(day, ZoneInfo("UTC")).around(at(now))
    assert (period.start, period.end) == (at(start), at(end))


def test_the_day_begins_in_the_providers_time_zone() -> None:
    month = Month(10, ZoneInfo("America/New_York"))
    assert month.around(at("2026-06-10T03:59:59")).end == at("2026-06-10T04:00")
    assert month.around(at("2026-06-10T04:00")).start == at("2026-06-10", "America/New_York")


def test_a_day_without_a_midnight_begins_an_hour_later() -> None:
    month = Month(4, ZoneInfo("America/Sao_Paulo"))  # 2018-11-04 began at 01:00
    assert month.around(at("2018-11-20")).start == at("2018-11-04T03:00")


@given(month=MONTHS, now=YEARS)
def test_months_follow_each_other_without_gap_or_overlap(month: Month, now: int) -> None:
    period = month.around(now)
    assert period.start <= now < period.end
    assert month.around(period.start) == period
    assert month.around(period.end).start == period.end
    assert month.around(period.start - 1).end == period.start


@given(month=MONTHS, now=YEARS)
def test_a_month_is_as_long_as_a_month(month: Month, now: int) -> None:
    period = month.around(now)
    length = timedelta(milliseconds=period.end - period.start)
    assert timedelta(days=26, hours=22) <= length <= timedelta(days=32, hours=2)


@given(month=MONTHS, now=YEARS)
def test_a_month_begins_on_its_day_or_the_last_before_it(month: Month, now: int) -> None:
    began = datetime.fromtimestamp(month.around(now).start / 1000, month.zone)
    tomorrow = (began + timedelta(days=1)).day
    skipped_a_day = began.year == 2011 and began.month == 12 and month.zone.key == "Pacific/Apia"
    assert began.day == month.day or (began.day < month.day and tomorrow == 1) or skipped_a_day


def test_there_is_no_thirty_second() -> None:
    with pytest.raises(ValueError, match="no month has a day 32"):
        Month(32, ZoneInfo("UTC"))


def test_times_are_of_utc() -> None:
    assert at("1970-01-01") == 0 == int(datetime.fromtimestamp(0, UTC).timestamp())
