"""What holds for any histories: parts make the whole, nothing is negative, more is never less."""

from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kvx.cost.bill import Bill, Charge, bill
from kvx.cost.history import SIZED, History, Spell, Terms, Traffic
from kvx.cost.prices import Money, Rate
from kvx.cost.times import Month
from kvx.machines.fleet import CLUSTER_LABEL, POOL_LABEL

NOVEMBER = Month(2026, 11)
GROUPINGS: list[Callable[[Charge], str]] = [
    lambda charge: charge.cluster,
    lambda charge: charge.pool,
    lambda charge: charge.product,
    lambda charge: charge.words,
    lambda charge: charge.location,
    lambda charge: f"{charge.kind}-{charge.id}",
]

amounts = st.decimals(0, 500, places=4)
money = st.builds(lambda net: Money(net, net * Decimal("1.19")), amounts)
rates = st.builds(Rate, money, st.one_of(st.none(), money))
moments = st.integers(NOVEMBER.begin - 3_000_000, NOVEMBER.end + 1_000_000)
vats = st.decimals(0, 30, places=2)


@st.composite
def histories(draw: st.DrawFn) -> History:
    kind = draw(st.sampled_from(["server", "load_balancer", "volume", "primary_ip", "floating_ip", "image"]))
    bounds = sorted(draw(st.lists(moments, min_size=2, max_size=6)))
    ends: list[int | None] = [*bounds[1:]]
    if draw(st.booleans()):
        ends[-1] = None
    spells = tuple(
        Spell(
            begin,
            end,
            Terms(
                draw(st.sampled_from(["cax11", "cax21"])),
                draw(st.sampled_from(["nbg1", "fsn1"])),
                draw(rates),
                draw(st.decimals(0, 10_000, places=2)) if kind in SIZED else Decimal(0),
                Decimal(20),
                draw(st.booleans()),
            ),
        )
        for begin, end in zip(bounds[:-1], ends, strict=True)
    )
    labels = {
        CLUSTER_LABEL: draw(st.sampled_from(["kvx", "edge"])),
        POOL_LABEL: draw(st.sampled_from(["workers", ""])),
    }
    traffic = Traffic(NOVEMBER, draw(st.integers(0, 2**46)), 20 * 2**40, draw(money))
    return History(kind, draw(st.integers(1, 10**6)), "a", labels, spells, (traffic,))


several = st.lists(histories(), max_size=8)
# No deadline of a busy machine decides here.
patient = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@patient
@given(several, moments, vats)
def test_the_whole_is_the_sum_of_its_parts_in_every_grouping(
    found: list[History], until: int, vat: Decimal
) -> None:
    whole = bill(found, NOVEMBER, until, vat)
    for part in GROUPINGS:
        groups = whole.by(part).values()
        assert sum((group.net or Decimal(0) for group in groups), Decimal(0)) == whole.net
        assert sum((group.gross or Decimal(0) for group in groups), Decimal(0)) == whole.gross


@patient
@given(several, moments, vats)
def test_no_line_is_negative_and_none_has_more_than_four_decimals(
    found: list[History], until: int, vat: Decimal
) -> None:
    for charge in bill(found, NOVEMBER, until, vat).charges:
        assert charge.net is not None
        assert charge.net >= 0
        assert charge.net == charge.net.quantize(Decimal("0.0001"))


@patient
@given(several, moments, vats)
def test_gross_is_net_with_the_tax_line_by_line(found: list[History], until: int, vat: Decimal) -> None:
    for charge in bill(found, NOVEMBER, until, vat).charges:
        assert charge.net is not None
        expected = (charge.net * (1 + vat / 100)).quantize(Decimal("0.0001"), ROUND_HALF_UP)
        assert charge.gross == expected


@patient
@given(several, histories(), moments)
def test_one_more_resource_never_costs_less(found: list[History], more: History, until: int) -> None:
    before, after = (
        bill(each, NOVEMBER, until, Decimal(19)).net or Decimal(0) for each in (found, [*found, more])
    )
    assert after >= before


@patient
@given(several, moments, st.integers(0, 100_000))
def test_later_it_is_never_less(found: list[History], until: int, seconds: int) -> None:
    before, after = (
        bill(found, NOVEMBER, moment, Decimal(19)).net or Decimal(0) for moment in (until, until + seconds)
    )
    assert after >= before


@patient
@given(several)
def test_no_line_costs_more_than_its_months_price(found: list[History]) -> None:
    """Of a whole rate, whatever the hours; traffic has no bound."""
    rates_of = {(each.kind, each.id): [spell.terms.rate for spell in each.spells] for each in found}
    for charge in bill(found, NOVEMBER, NOVEMBER.end, None).charges:
        bounds = [rate.monthly.net for rate in rates_of[charge.kind, charge.id] if rate.monthly]
        if charge.product not in {"traffic", "volume", "snapshot"}:
            assert (charge.net or Decimal(0)) <= max(bounds)


def test_an_empty_bill_is_nothing() -> None:
    assert Bill(()).net == Bill(()).gross == Decimal(0)
