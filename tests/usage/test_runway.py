"""How long a budget lasts, and what kvx lets an engine be used for."""

from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from voice_api.usage.amounts import Amounts, Unit
from voice_api.usage.budgets import Budget, Use
from voice_api.usage.policy import EVERY_FIRST, Bounds, EnginePolicy, Policy
from voice_api.usage.runway import Runway, percent_used, runway
from voice_api.usage.windows import Month, Moving

DAY = 86_400_000
NOW = int(datetime(2026, 11, 21, 14, tzinfo=UTC).timestamp()) * 1000
BUDGET = Budget(Unit.MILLISECONDS, 600_000, EVERY_FIRST, "hume")
PERIOD = EVERY_FIRST.around(NOW)


def test_six_minutes_left_and_three_a_day_last_two_days() -> None:
    assert runway(Use(BUDGET, 240_000), 180_000, DAY, PERIOD, NOW) == Runway(NOW + 2 * DAY, PERIOD.end)


@pytest.mark.parametrize("lately", [0, 1_000])
def test_a_slow_pace_lasts_until_the_reset(lately: int) -> None:
    assert runway(Use(BUDGET, 240_000), lately, DAY, PERIOD, NOW) == Runway(None, PERIOD.end)


def test_a_budget_that_is_used_up_lasts_until_now() -> None:
    assert runway(Use(BUDGET, 600_001), 0, DAY, PERIOD, NOW) == Runway(NOW, PERIOD.end)


@pytest.mark.parametrize(("used", "percent"), [(0, 0), (479_999, 79), (480_000, 80), (600_000, 100)])
def test_percent_are_whole_and_rounded_down(used: int, percent: int) -> None:
    assert percent_used(Use(BUDGET, used)) == percent


def test_a_budget_of_nothing_is_used_up() -> None:
    assert percent_used(Use(Budget(Unit.CHARACTERS, 0, EVERY_FIRST), 0)) == 100


def test_an_engine_has_ten_minutes_a_month_and_ten_requests_a_minute_unless_told() -> None:
    assert Policy().budgets("hume", "ann") == (
        Budget(Unit.MILLISECONDS, 600_000, EVERY_FIRST, "hume"),
        Budget(Unit.REQUESTS, 10, Moving(60_000), "hume"),
    )


def test_euros_and_minutes_are_exact() -> None:
    month = Month(21, ZoneInfo("UTC"))
    bounds = Bounds(minutes=Decimal("0.1"), euros=Decimal("0.000001"), characters=7)
    amounts = [(budget.unit, budget.most) for budget in bounds.budgets(month, "hume", "ann")]
    assert amounts == [(Unit.MILLISECONDS, 6_000), (Unit.CHARACTERS, 7), (Unit.MICROEUROS, 1)]


def test_a_caller_by_name_has_bounds_of_its_own() -> None:
    policy = Policy({"hume": EnginePolicy(whole=Bounds(), callers={"bob": Bounds(characters=5)})})
    assert policy.budgets("hume", "ann") == ()
    assert policy.budgets("hume", "bob") == (Budget(Unit.CHARACTERS, 5, EVERY_FIRST, "hume", "bob"),)


def test_nothing_is_less_than_nothing() -> None:
    with pytest.raises(ValueError, match="less than nothing"):
        Amounts(milliseconds=-1)
