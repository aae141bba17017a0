"""Prices are exact, and what is not in the list is unknown."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvx.cost.prices import Money, parse_prices, snapshot, snapshot_document
from kvx.machines.fleet import Place

CAX = {"cax11": "5.99", "cax21": "10.49", "cax31": "20.99", "cax41": "40.99"}
X86 = {"cx23": "5.49", "cx33": "8.49", "cx43": "15.99", "cx53": "29.49", "cpx12": "11.49", "cpx22": "19.49",
       "cpx32": "35.49", "cpx42": "69.49", "ccx13": "42.99"}  # fmt: skip


def entry(net: object, gross: object = "1.19") -> dict[str, object]:
    price = {"location": "nbg1", "price_monthly": {"net": net, "gross": gross}}
    return {"pricing": {"server_types": [{"name": "cax11", "prices": [price]}]}}


def cax11(document: dict[str, object]) -> Money | None:
    return parse_prices(document, date="2026-01-01", source="hetzner").server(Place("cax11", "nbg1")).monthly


@pytest.mark.parametrize("location", ["fsn1", "nbg1", "hel1"])
def test_the_snapshot_holds_the_prices_that_were_read(location: str) -> None:
    prices = snapshot()
    for name, net in (CAX | X86).items():
        monthly = prices.server(Place(name, location)).monthly
        assert monthly is not None
        assert monthly.net == Decimal(net)
        assert monthly.gross == Decimal(net) * Decimal("1.19")
    for name, net in {"lb11": "7.49", "lb21": "21.49", "lb31": "42.99"}.items():
        monthly = prices.load_balancer(Place(name, location)).monthly
        assert monthly is not None
        assert monthly.net == Decimal(net)
    address, free = prices.primary_ip("ipv4", location).monthly, prices.primary_ip("ipv6", location).monthly
    assert (address and address.net, free and free.net) == (Decimal("0.50"), Decimal(0))


def test_the_snapshot_says_how_old_it_is_and_what_is_derived() -> None:
    document, prices = snapshot_document(), snapshot()
    assert (prices.date, prices.source, prices.currency) == ("2026-09-19", "snapshot", "EUR")
    assert any("624" in note for note in document["notes"])
    for kind in document["pricing"]["server_types"]:
        for price in kind["prices"]:
            hourly = Decimal(price["price_monthly"]["net"]) / 624
            assert abs(Decimal(price["price_hourly"]["net"]) - hourly) <= Decimal("0.00005")


def test_the_snapshot_tells_arm_from_x86() -> None:
    kinds = {each["name"]: each["architecture"] for each in snapshot_document()["server_types"]}
    assert kinds == dict.fromkeys(CAX, "arm") | dict.fromkeys(X86, "x86")


@pytest.mark.parametrize("place", [Place("cax11", "ash"), Place("cax51", "nbg1"), Place("", "")])
def test_a_price_that_is_not_listed_is_unknown(place: Place) -> None:
    assert snapshot().server(place).monthly is None
    assert snapshot().load_balancer(place).hourly is None


def test_an_amount_is_exact() -> None:
    money = cax11(entry("0.1000000000000001", "0.1190000000000001"))
    assert money == Money(Decimal("0.1000000000000001"), Decimal("0.1190000000000001"))


@pytest.mark.parametrize("net", [None, "", "free", 5.99, 5, "NaN", "Infinity", "-1", "1e99", {}, ["5.99"]])
def test_an_amount_that_cannot_be_read_is_unknown(net: object) -> None:
    assert cax11(entry(net)) is None
    assert cax11(entry("5.99", net)) is None


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"pricing": None},
        {"pricing": {"server_types": "none"}},
        {"pricing": {"server_types": [None, {"name": "cax11"}, {"name": "cax11", "prices": [1]}]}},
        {"pricing": {"server_types": [{"name": "cax11", "prices": [{"location": None}]}]}},
    ],
)
def test_a_list_of_any_shape_is_read(document: dict[str, object]) -> None:
    assert cax11(document) is None


def test_what_is_new_in_the_list_disturbs_nobody() -> None:
    document = json.loads(json.dumps(entry("5.99", "7.13")))
    document["pricing"]["server_types"][0]["prices"][0]["setup_fee"] = {"net": "99.00", "gross": "117.81"}
    document["pricing"]["moon_bases"] = [{"type": "small"}]
    assert cax11(document) == Money(Decimal("5.99"), Decimal("7.13"))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda some: st.lists(some, max_size=3) | st.dictionaries(st.sampled_from(
        ["server_types", "prices", "name", "location", "price_monthly", "net", "gross", "volume", "type"]
    ), some, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(json_values)
def test_no_answer_whatever_breaks_the_reading(value: object) -> None:
    prices = parse_prices({"pricing": value}, date="2026-01-01", source="hetzner")
    assert all(rate.monthly is None or rate.monthly.net >= 0 for rate in prices.rates.values())
