"""Hetzner's rules by figures that were worked out by hand; nothing may differ by 0.0001."""

import importlib.util
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from types import ModuleType

import pytest

from kvx.cost.bill import Bill, bill
from kvx.cost.history import History
from kvx.cost.prices import UNKNOWN, Money, Rate
from kvx.cost.times import Month, month_of, parse_month, started_hours
from kvx.errors import KvxError


def _histories() -> ModuleType:
    """histories.py beside this file, for histories in a few words."""
    spec = importlib.util.spec_from_file_location("cost_histories", Path(__file__).with_name("histories.py"))
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["cost_histories"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


W = _histories()
at, spell, made = W.at, W.spell, W.made
NOVEMBER, OCTOBER = Month(2026, 11), Month(2026, 10)
END = NOVEMBER.end


def priced(*histories: History, month: Month = NOVEMBER, until: int | None = None) -> Bill:
    return bill(histories, month, month.end if until is None else until, W.VAT)


def server(*times: str | None, kind: str = "cax11", **more: object) -> History:
    return made("server", spell("server", kind, *times, **more))


FIRST = "11-01 00:00"
OLD = Rate(Money(Decimal("3.79"), Decimal("4.5101")), Money(Decimal("0.0061"), Decimal("0.007259")))

# What it is, the histories, and the net sum of November 2026 (720 hours).
CASES: list[tuple[str, list[History], str]] = [
    ("one minute is one hour: 0.0096", [server("11-05 10:00", "11-05 10:01")], "0.0096"),
    ("one hour to the second is one", [server("11-05 10:00:00", "11-05 11:00:00")], "0.0096"),
    ("one second more is two", [server("11-05 10:00:00", "11-05 11:00:01")], "0.0192"),
    ("made and deleted in the same second: an hour", [server("11-05 10:00", "11-05 10:00")], "0.0096"),
    ("not on the clock's hour: 10:59 to 11:01 is one", [server("11-05 10:59", "11-05 11:01")], "0.0096"),
    ("100 h x 0.0096", [server("11-05 00:00", "11-09 04:00")], "0.9600"),
    ("623 h stay under the month's 5.99: 5.9808", [server(FIRST, "11-26 23:00")], "5.9808"),
    ("624 h x 0.0096 = 5.9904 are capped at 5.99", [server(FIRST, "11-27 00:00")], "5.9900"),
    ("a whole month", [server(FIRST, None)], "5.9900"),
    ("made a year before: this month only", [server("2025-11-01T00:00:00", None)], "5.9900"),
    ("gone before the month", [server("10-01 00:00", "10-31 23:59")], "0"),
    ("made after the month", [server("12-01 00:00", None)], "0"),
    ("over the month's begin: 30 min of it are an hour", [server("10-31 23:30", "11-01 00:30")], "0.0096"),
    ("over the month's end: 30 min of it are an hour", [server("11-30 23:30", "12-01 00:30")], "0.0096"),
    ("deleted as the month begins: nothing of it", [server("10-31 23:30", FIRST)], "0"),
    # 240 h x 0.0096 = 2.304 and 480 h x 0.0168 = 8.064
    (
        "rescaled on the 11th",
        [
            made(
                "server",
                spell("server", "cax11", FIRST, "11-11 00:00"),
                spell("server", "cax21", "11-11 00:00", None),
            )
        ],
        "10.3680",
    ),
    # 10.5 h -> 11 x 0.0096 = 0.1056 and 709.5 -> 710 h, 11.928 capped at 10.49
    (
        "rescaled within an hour: it counts for both",
        [
            made(
                "server",
                spell("server", "cax11", FIRST, "11-01 10:30"),
                spell("server", "cax21", "11-01 10:30", None),
            )
        ],
        "10.5956",
    ),
    # cax11 240 + 240 h = 480 x 0.0096 = 4.608, cax21 240 x 0.0168 = 4.032
    (
        "rescaled and back: one line for both times",
        [
            made(
                "server",
                spell("server", "cax11", FIRST, "11-11 00:00"),
                spell("server", "cax21", "11-11 00:00", "11-21 00:00"),
                spell("server", "cax11", "11-21 00:00", None),
            )
        ],
        "8.6400",
    ),
    # an old price of 3.79 a month, 0.0061 an hour; the new 5.99 for who orders now
    (
        "the price was raised: who stays keeps the old one",
        [server("2026-03-01T00:00:00", None, rate=OLD)],
        "3.7900",
    ),
    # 240 h x 0.0061 = 1.464 and 480 h x 0.0096 = 4.608
    (
        "made anew after the price was raised",
        [server("10-01 00:00", "11-11 00:00", rate=OLD), server("11-11 00:00", None)],
        "6.0720",
    ),
    # there and back, then at the new price: 1.464 + 1 h x 0.0168 + 479 h x 0.0096 = 4.5984
    (
        "the price raised in the middle, lost by a rescale",
        [
            made(
                "server",
                spell("server", "cax11", FIRST, "11-11 00:00", rate=OLD),
                spell("server", "cax21", "11-11 00:00", "11-11 01:00"),
                spell("server", "cax11", "11-11 01:00", None),
            )
        ],
        "6.0792",
    ),
    ("backups for the month: 5.99 x 1.2", [server(FIRST, None, backups=True)], "7.1880"),
    # server 5.99; backups 100 h x 0.00192
    (
        "backups on for 100 hours",
        [
            made(
                "server",
                spell("server", "cax11", FIRST, "11-05 00:00"),
                spell("server", "cax11", "11-05 00:00", "11-09 04:00", backups=True),
                spell("server", "cax11", "11-09 04:00", None),
            )
        ],
        "6.1820",
    ),
    ("IPv4 only, for the month", [made("primary_ip", spell("primary_ip", "ipv4", FIRST, None))], "0.5000"),
    (
        "IPv4 for 100 h x 0.0008",
        [made("primary_ip", spell("primary_ip", "ipv4", "11-05 00:00", "11-09 04:00"))],
        "0.0800",
    ),
    ("IPv6 is free", [made("primary_ip", spell("primary_ip", "ipv6", FIRST, None))], "0.0000"),
    ("a volume of 50 GB x 0.0572", [made("volume", spell("volume", "50", FIRST, None))], "2.8600"),
    # 50 x 0.0572 x 72 / 720
    (
        "a volume for three days",
        [made("volume", spell("volume", "50", "11-05 00:00", "11-08 00:00"))],
        "0.2860",
    ),
    # 50 x 0.0572 x 360/720 = 1.43, 100 x 0.0572 x 360/720 = 2.86
    (
        "a volume grown on the 16th",
        [
            made(
                "volume",
                spell("volume", "50", FIRST, "11-16 00:00"),
                spell("volume", "100", "11-16 00:00", None),
            )
        ],
        "4.2900",
    ),
    # 12.5 GB x 0.0143 = 0.17875, half up
    ("a snapshot of 12.5 GB", [made("image", spell("image", "12.5", FIRST, None))], "0.1788"),
    (
        "a load balancer, 10 h x 0.0120",
        [made("load_balancer", spell("load_balancer", "lb11", "11-05 00:00", "11-05 10:00"))],
        "0.1200",
    ),
    (
        "a floating IP of 3.00 for half the month",
        [made("floating_ip", spell("floating_ip", "ipv4", FIRST, "11-16 00:00"))],
        "1.5000",
    ),
    # 21.5 TB went out, 20 are included: 1.5 x 1.00 beside the server
    (
        "traffic of 1.5 TB over",
        [made("server", spell("server", "cax11", FIRST, None), out_tb="21.5")],
        "7.4900",
    ),
    (
        "traffic within what is included",
        [made("server", spell("server", "cax11", FIRST, None), out_tb="20")],
        "5.9900",
    ),
    # 00:30 in Berlin is 23:30 UTC, in October; 01:30 in Berlin is 00:30 UTC
    (
        "an offset: Berlin's midnight is still October",
        [made("server", spell("server", "cax11", "2026-11-01T00:30:00+01:00", "2026-11-01T01:30:00+01:00"))],
        "0.0096",
    ),
]


@pytest.mark.parametrize(("histories", "net"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_month_costs_what_the_rules_say(histories: list[History], net: str) -> None:
    assert priced(*histories).net == Decimal(net)


def test_the_golden_fleet_costs_38_82_in_a_month() -> None:
    fleet = [
        server(FIRST, None),
        server(FIRST, None, kind="cax21"),
        server(FIRST, None, kind="cax21"),
        *(made("primary_ip", spell("primary_ip", "ipv4", FIRST, None)) for _ in range(3)),
        made("load_balancer", spell("load_balancer", "lb11", FIRST, None)),
        made("volume", spell("volume", "50", FIRST, None)),
    ]
    found = priced(*fleet)
    assert found.net == Decimal("38.82")
    # 7.1281 + 2 x 12.4831 + 3 x 0.5950 + 8.9131 + 3.4034
    assert found.gross == Decimal("46.1958")


@pytest.mark.parametrize(
    ("begin", "end", "hours"),
    [
        # The night in which Europe turns its clocks back: 02:00 to 04:00 by the wall are three hours.
        ("2026-10-25T02:00:00+02:00", "2026-10-25T04:00:00+01:00", 3),
        # And the one in which it turns them forward: 01:00 to 04:00 by the wall are two.
        ("2026-03-29T01:00:00+01:00", "2026-03-29T04:00:00+02:00", 2),
    ],
)
def test_daylight_saving_neither_gives_nor_takes_an_hour(begin: str, end: str, hours: int) -> None:
    month = month_of(at(begin))
    found = bill([server(begin, end)], month, month.end, W.VAT)
    assert [charge.hours for charge in found.charges] == [hours]


@pytest.mark.parametrize(
    ("month", "hours"), [("2026-10", 744), ("2026-03", 744), ("2027-02", 672), ("2028-02", 696)]
)
def test_months_are_of_utc_and_have_no_changed_clocks(month: str, hours: int) -> None:
    assert parse_month(month).hours == hours


def test_months_follow_each_other_over_the_year() -> None:
    assert Month(2026, 12).following == Month(2027, 1)
    assert Month(2027, 1).previous == Month(2026, 12)
    assert all(Month(2026, number).following.previous == Month(2026, number) for number in range(1, 13))


def test_what_is_no_month_is_refused() -> None:
    with pytest.raises(KvxError, match="no month"):
        parse_month("2026-13")


def test_backups_that_come_and_go_do_not_split_the_hours_of_their_server() -> None:
    """10:00 to 12:00, with backups from 10:30 to 11:30: 2 h x 0.0096, and 1 h x 0.00192."""
    times = ("11-05 10:00", "11-05 10:30", "11-05 11:30", "11-05 12:00")
    spells = [
        spell("server", "cax11", begin, end, backups=on)
        for begin, end, on in zip(times, times[1:], (False, True, False), strict=False)
    ]
    found = priced(made("server", *spells))
    assert [(charge.product, charge.hours, charge.net) for charge in found.charges] == [
        ("server", 2, Decimal("0.0192")),
        ("backups", 1, Decimal("0.0019")),
    ]


def test_a_stopped_server_is_billed_in_full() -> None:
    stopped = replace(server(FIRST, None), status="off")
    assert priced(stopped).net == Decimal("5.99")


def test_a_month_to_date_ends_now() -> None:
    """90 minutes are two started hours."""
    assert priced(server(FIRST, None), until=at("11-01 01:30")).net == Decimal("0.0192")


def test_an_unknown_price_makes_the_sum_unknown_and_is_named() -> None:
    found = priced(server(FIRST, None), server(FIRST, None, kind="cax99", rate=UNKNOWN))
    assert found.net is None
    assert found.gross is None
    assert found.missing == ("server cax99@nbg1",)


def test_backups_without_a_known_share_are_unknown() -> None:
    history = server(FIRST, None, backups=True)
    terms = replace(history.spells[0].terms, backups=None)
    assert priced(replace(history, spells=(replace(history.spells[0], terms=terms),))).net is None


def test_two_that_had_the_same_name_are_two() -> None:
    first, second = server("11-05 10:00", "11-05 10:01"), server("11-05 10:02", "11-05 10:03")
    found = priced(replace(first, name="a"), replace(second, name="a"))
    assert [charge.net for charge in found.charges] == [Decimal("0.0096")] * 2


def test_started_hours_are_counted_from_the_first_second() -> None:
    assert [started_hours(0, end) for end in (0, 1, 3600, 3601, 7200)] == [0, 1, 1, 2, 2]
    assert started_hours(10, 5) == 0
