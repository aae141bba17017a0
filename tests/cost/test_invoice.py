"""Hetzner's statement of usage against our own lines."""

import importlib.util
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from types import ModuleType

import pytest

from kvx.cost.bill import Bill, bill
from kvx.cost.invoice import read_invoice, reconcile
from kvx.cost.times import Month
from kvx.errors import ExitCode, KvxError


def _histories() -> ModuleType:
    """histories.py beside this file."""
    spec = importlib.util.spec_from_file_location("cost_histories", Path(__file__).with_name("histories.py"))
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["cost_histories"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


W = _histories()
HEAD = "grouping,product,description,reference,quantity,from,until,condition,unit,external id,price,total"
NOVEMBER = Month(2026, 11)


def row(product: str, name: str, total: str, begin: str = "2026-11-01") -> str:
    return f'"P","{product}",,,"1.0000",{begin},2026-11-30,,"Months","{name}",,"{total}"'


def ours() -> Bill:
    server = replace(W.made("server", W.spell("server", "cax21", "11-01 00:00", None)), name="node-1")
    address = replace(W.made("primary_ip", W.spell("primary_ip", "ipv4", "11-01 00:00", None)), name="ip-1")
    return bill((server, address), NOVEMBER, NOVEMBER.end, Decimal(19))


def test_an_invoice_that_is_as_expected_drifts_by_nothing() -> None:
    text = "\n".join(
        (HEAD, row("CAX21 Cloud Server", "node-1", "€ 10.4900"), row("Primary IPv4", "ip-1", "€ 0.5000"))
    )
    found = reconcile(read_invoice(text), ours())
    assert [each.difference for each in found.rows] == [Decimal(0), Decimal(0)]
    assert (found.drift, found.is_close) == (Decimal(0), True)


def test_what_is_on_one_side_only_is_told_the_largest_first() -> None:
    text = "\n".join(
        (HEAD, row("CAX21 Cloud Server", "node-1", "€ 10.4900"), row("Volume 100 GB", "vol", "5,72 €"))
    )
    found = reconcile(read_invoice(text), ours())
    assert [(each.name, each.ours, each.theirs) for each in found.rows] == [
        ("vol", None, Decimal("5.72")),
        ("ip-1", Decimal("0.5000"), None),
        ("node-1", Decimal("10.4900"), Decimal("10.4900")),
    ]
    assert not found.is_close


@pytest.mark.parametrize(
    ("text", "amount"),
    [("€ 1,234.5600", "1234.56"), ("1.234,56 €", "1234.56"), ("0.0096", "0.0096"), ("-2.50", "-2.5")],
)
def test_amounts_are_read_as_people_write_them(text: str, amount: str) -> None:
    found = read_invoice("\n".join((HEAD, row("Cloud Server", "a", text))))
    assert sum(found.amounts.values()) == Decimal(amount)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b\n1,2", "no statement of usage"),
        (f"{HEAD}\n{row('Server', 'a', 'much')}", "line 2: 'much' is no amount"),
        (f"{HEAD}\n{row('Server', 'a', '1')}\n{row('Server', 'b', '1', '2026-10-01')}", "2 months"),
        (f"{HEAD}\n{row('Server', 'a', '1', 'soon')}", "no month"),
    ],
)
def test_what_cannot_be_read_is_named(text: str, words: str) -> None:
    with pytest.raises(KvxError, match=words) as refusal:
        read_invoice(text)
    assert refusal.value.exit_code is ExitCode.USAGE
