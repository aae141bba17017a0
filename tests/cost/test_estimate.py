"""What a fleet costs, to the cent, and what is said where a price is missing."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvx.cost.estimate import Estimate, estimate, in_cents
from kvx.cost.prices import Prices, snapshot
from kvx.errors import ExitCode, KvxError
from kvx.machines.fleet import Fleet, Place, Pool
from kvx.machines.placement import Placed, Placement

NBG = "nbg1"


def fleet(workers: int = 2, volume_gb: int = 25, **more: object) -> Fleet:
    """One cax11, some cax21 with a volume each, a small load balancer."""
    pools = (
        Pool("control-plane", 1, (Place("cax11", NBG),)),
        Pool("workers", workers, (Place("cax21", NBG),), volume_gb=volume_gb),
    )
    return Fleet("kvx", pools, **{"load_balancer": Place("lb11", NBG), **more})  # type: ignore[arg-type]


def placed(wanted: Fleet) -> Placement:
    return Placement({node.key: Placed(node.pool.places[0], "arm") for node in wanted.nodes})


def priced(wanted: Fleet, prices: Prices | None = None) -> Estimate:
    return estimate(wanted, placed(wanted), prices or snapshot())


def test_the_golden_fleet_costs_38_82_a_month() -> None:
    found = priced(fleet())
    assert found.monthly_net == Decimal("38.82")
    assert [(line.words, line.count, line.monthly_net) for line in found.lines] == [
        ("cax11@nbg1", 1, Decimal("5.99")),
        ("cax21@nbg1", 2, Decimal("20.98")),
        ("public IPv4 in nbg1", 3, Decimal("1.50")),
        ("load balancer lb11@nbg1", 1, Decimal("7.49")),
        ("GB of volume", 50, Decimal("2.86")),
    ]
    assert found.monthly_gross == Decimal("38.82") * Decimal("1.19")
    assert found.checked() == found.monthly_net
    assert found.hourly_net == Decimal("0.0096") + 2 * Decimal("0.0168") + 3 * Decimal("0.0008") + Decimal(
        "0.0120"
    )


def test_private_nodes_cost_no_address_and_a_gateway() -> None:
    lines = {line.words: line.count for line in priced(fleet(private_only=True)).lines}
    assert lines["cax11@nbg1"] == 2
    assert lines["public IPv4 in nbg1"] == 1


def test_a_fallback_is_priced_where_it_went() -> None:
    wanted = fleet(volume_gb=0, load_balancer=None)
    elsewhere = dict(placed(wanted).nodes) | {"workers-2": Placed(Place("cpx22", "fsn1"), "x86")}
    found = estimate(wanted, Placement(elsewhere), snapshot())
    assert found.monthly_net == Decimal("5.99") + Decimal("10.49") + Decimal("19.49") + 3 * Decimal("0.50")


@pytest.mark.parametrize(
    ("wanted", "missing"),
    [
        (fleet(load_balancer=Place("lb51", NBG)), "load balancer lb51@nbg1"),
        (fleet(load_balancer=Place("lb11", "ash")), "load balancer lb11@ash"),
    ],
)
def test_a_missing_price_makes_the_whole_unknown(wanted: Fleet, missing: str) -> None:
    found = priced(wanted)
    assert (found.monthly_net, found.monthly_gross, found.hourly_net) == (None, None, None)
    assert found.missing == (missing,)
    with pytest.raises(KvxError, match=missing) as refusal:
        found.checked()
    assert refusal.value.exit_code is ExitCode.INCOMPLETE


def test_volumes_without_a_price_are_unknown_and_without_size_are_free() -> None:
    prices = replace(snapshot(), volume_gb_month=None)
    assert priced(fleet(), prices).monthly_net is None
    assert priced(fleet(volume_gb=0), prices).monthly_net is not None


@pytest.mark.parametrize(("amount", "shown"), [("0.005", "0.01"), ("38.8200", "38.82"), ("2.855", "2.86")])
def test_amounts_are_rounded_commercially(amount: str, shown: str) -> None:
    assert str(in_cents(Decimal(amount))) == shown


@given(st.integers(0, 99), st.integers(0, 10_000))
def test_the_sum_is_exact_for_any_size(workers: int, volume_gb: int) -> None:
    total = priced(fleet(workers, volume_gb)).monthly_net
    cents = 599 + 1049 * workers + 50 * (workers + 1) + 749
    assert total == Decimal(cents) / 100 + Decimal("0.0572") * workers * volume_gb
