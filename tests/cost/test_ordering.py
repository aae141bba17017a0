"""What nobody saw, and prices that somebody knows better: named, told, and then billed to the cent."""

import importlib.util
import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from kvx.cost.bill import bill
from kvx.cost.history import PASSED, History, Key
from kvx.cost.invoice import Invoice
from kvx.cost.ordering import as_ordered, at_price, by_invoice, its_address
from kvx.cost.prices import UNKNOWN
from kvx.cost.report import Basis, report
from kvx.cost.sighting import Event, Events, look_again
from kvx.cost.times import Month
from kvx.cost.verdict import exit_code, findings
from kvx.errors import ExitCode
from kvx.machines.fleet import Place


def _beside(name: str) -> ModuleType:
    """histories.py or month.py beside this file."""
    spec = importlib.util.spec_from_file_location(f"cost_{name}", Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[f"cost_{name}"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


W, MONTH = _beside("histories"), _beside("month")
Kvx = Callable[..., subprocess.CompletedProcess[str]]
NOVEMBER = Month(2026, 11)
B, HOUR = NOVEMBER.begin, 3600
CAME_AND_WENT: Events = {
    ("server", 7): (Event(B + 10 * HOUR, "create_server"), Event(B + 11 * HOUR + 60, "delete_server"))
}


def looked(events: Events, since: int | None = B + 9 * HOUR) -> dict[Key, History]:
    return dict(look_again({}, [], W.PRICES, B + 12 * HOUR, events, since=since))


def test_what_came_and_went_between_two_looks_is_named_and_leaves_no_total() -> None:
    found = tuple(looked(CAME_AND_WENT).values())
    assert [(each.key, each.begin, each.end) for each in found] == [
        (("server", 7), B + 10 * HOUR, B + 11 * HOUR + 60)
    ]
    told = report(Basis(found, W.PRICES, NOVEMBER, B + 12 * HOUR, B + 12 * HOUR))
    assert told.bill.net is None
    assert exit_code(told) is ExitCode.INCOMPLETE
    assert (
        "server 7 was made and deleted between two looks, at 2026-11-01T10:00:00Z" in findings(told)[0].words
    )
    assert findings(told)[0].fix.startswith("kvx cost ordered server 7 --type")
    assert not any("no price is known for" in each.words for each in findings(told))


@pytest.mark.parametrize(
    ("events", "since"),
    [
        (CAME_AND_WENT, None),  # before the first look nobody asked
        (CAME_AND_WENT, B + 12 * HOUR),  # gone before the look before
        (
            {("server", 7): CAME_AND_WENT["server", 7][:1]},
            B,
        ),  # made, and not deleted: it is there, or was seen
        ({("server", 7): CAME_AND_WENT["server", 7][1:]}, B),  # deleted: made before any look
    ],
)
def test_nothing_else_is_taken_for_it(events: Events, since: int | None) -> None:
    assert looked(events, since) == {}


def test_what_somebody_says_it_was_is_billed_by_its_started_hours() -> None:
    """Two started hours of cax21 at 0.0168, and of an address at 0.0008."""
    (passed,) = looked(CAME_AND_WENT).values()
    told = as_ordered(passed, Place("cax21", "nbg1"), Decimal(0), W.PRICES)
    address = its_address(told, "nbg1", W.PRICES)
    assert bill((told, address), NOVEMBER, NOVEMBER.end, None).net == Decimal("0.0336") + Decimal("0.0016")
    assert (address.key, address.server) == (("primary_ip", -7), 7)
    assert told.status == PASSED


def test_a_price_at_order_that_is_told_holds_for_what_stands_now() -> None:
    """Monthly 7.00 in the place of 10.49: 240 h at 0.0112, as the list's hour is to its month."""
    server = W.made("server", W.spell("server", "cax21", "11-01 00:00", None))
    told = at_price(server, Decimal("7.00"), None, W.PRICES)
    assert bill((told,), NOVEMBER, B + 240 * HOUR, None).net == 240 * Decimal("0.0112")
    assert bill((told,), NOVEMBER, NOVEMBER.end, None).net == Decimal("7.00")
    exact = at_price(server, Decimal("7.00"), Decimal("0.01"), W.PRICES)
    assert bill((exact,), NOVEMBER, B + 240 * HOUR, None).net == Decimal("2.40")
    assert exact.now.priced_on == "told"


def invoice(**amounts: str) -> Invoice:
    named = {"server": "server", "volume": "volume", "ip": "IPv4"}
    found = {(named[key.split("_")[0]], key): Decimal(value) for key, value in amounts.items()}
    return Invoice(NOVEMBER, found)


def named(history: History, name: str) -> History:
    return replace(history, name=name)


def test_an_invoice_of_a_whole_month_tells_the_price_at_order() -> None:
    server = named(W.made("server", W.spell("server", "cax21", "10-05 00:00", None)), "server_1")
    volume = named(W.made("volume", W.spell("volume", "50", "10-05 00:00", None)), "volume_1")
    found = list(by_invoice(invoice(server_1="7.00", volume_1="2.50"), (server, volume), W.PRICES))
    assert [each.monthly for each in found] == [Decimal("7.00"), Decimal("2.50")]
    assert {each.now.priced_on for each in found} == {"invoice 2026-11"}


def test_a_part_of_a_month_or_the_same_price_teaches_nothing() -> None:
    young = named(W.made("server", W.spell("server", "cax21", "11-02 00:00", None)), "server_1")
    same = named(W.made("server", W.spell("server", "cax21", "10-05 00:00", None)), "server_2")
    unknown = named(
        W.made("server", W.spell("server", "cax99", "10-05 00:00", None, rate=UNKNOWN)), "server_3"
    )
    amounts = invoice(server_1="7.00", server_2="10.49", server_3="9.00")
    assert list(by_invoice(amounts, (young, same, unknown), W.PRICES)) == []


@pytest.mark.timeout(600)
def test_as_a_user_tells_it(kvx: Kvx, tmp_path: Path) -> None:
    def asked(*arguments: str) -> subprocess.CompletedProcess[str]:
        return kvx("cost", *arguments, HCLOUD_TOKEN=MONTH.TOKEN, HCLOUD_ENDPOINT=on.address, timeout=120)

    (tmp_path / "hetzner").mkdir()
    body: dict[str, Any] = {"server_type": "cax21", "image": "debian-12", "location": "nbg1"}
    with MONTH.project(tmp_path / "hetzner", int(time.time()) - 1800) as on:
        assert asked("report").returncode == 0
        on.clock.now = time.time()
        made = on.send("POST", "/servers", name="short", **body)["server"]["id"]
        on.clock.now += 30
        on.send("DELETE", f"/servers/{made}")
        on.clock.now += 30
        time.sleep(1)  # so that it was made before the look, by kvx's clock of whole seconds, too
        unknown = asked("report")
        assert unknown.returncode == 4, unknown.stdout + unknown.stderr
        assert f"server {made} was made and deleted between two looks" in unknown.stderr
        assert asked("ordered", "server", str(made)).returncode == 2
        assert asked("ordered", "server", str(made), "--type", "cax99@nbg1").returncode == 2
        assert asked("ordered", "server", "1", "--type", "cax21@nbg1").returncode == 2
        told = asked("ordered", "server", str(made), "--type", "cax21@nbg1")
        assert told.returncode == 0, told.stderr
        assert "10.49" in told.stdout
        after = asked("report", "--json")
        assert after.returncode == 0, after.stderr
        assert json.loads(after.stdout)["net"] == "0.0176"  # an hour of it, and of its address
        assert asked("report").returncode == 0
