"""A report from histories: its sums, what it keeps an eye on, and every form it is told in."""

import csv
import importlib.util
import io
import json
import re
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from kvx.cost.as_csv import FOCUS_COLUMNS, as_csv, as_focus
from kvx.cost.as_figures import as_figures
from kvx.cost.as_json import as_json
from kvx.cost.as_markdown import as_markdown
from kvx.cost.audio import Audio
from kvx.cost.forecast import BreakEven, forecast
from kvx.cost.history import History
from kvx.cost.prices import UNKNOWN
from kvx.cost.report import Basis, Report, report
from kvx.cost.sharing import PlacedPod, PricedNode, shares
from kvx.cost.times import Month
from kvx.cost.verdict import exit_code, findings, one_line
from kvx.errors import ExitCode


def _histories() -> ModuleType:
    """histories.py beside this file."""
    spec = importlib.util.spec_from_file_location("cost_histories", Path(__file__).with_name("histories.py"))
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["cost_histories"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


W = _histories()
at, spell, made = W.at, W.spell, W.made
NOVEMBER = Month(2026, 11)
FIRST, NOW = "11-01 00:00", at("11-11 00:00")
SERVER = made("server", spell("server", "cax21", FIRST, None))
VOLUME = made("volume", spell("volume", "50", FIRST, None))


def told(*histories: History, **more: Any) -> Report:
    shares, audio = more.pop("shares", None), more.pop("audio", None)
    plain: dict[str, Any] = {"until": NOW, "now": NOW, "looked_at": NOW, "budget": None}
    found = histories or (SERVER, VOLUME)
    prices = replace(W.PRICES, source="hetzner", date="2026-11-11")
    return report(Basis(found, prices, NOVEMBER, **(plain | more)), shares, audio)


def test_it_tells_until_now_and_by_the_months_end() -> None:
    # 240 h x 0.0168 = 4.032; 2.86 x 240/720 = 0.9533; the whole: 10.49 + 2.86
    found = told()
    assert found.bill.net == Decimal("4.9853")
    assert found.committed.net == Decimal("13.35")
    assert found.monthly == Decimal("13.35")
    assert exit_code(found) is ExitCode.DONE
    assert one_line(found) == "kvx cost 2026-11: 4.99 EUR net so far, 13.35 by the month's end as it stands"


def test_days_add_up_to_the_month() -> None:
    found = told()
    assert len(found.days) == 10
    assert found.days[0] == ("2026-11-01", Decimal("0.4985"))
    assert sum((net or Decimal(0) for _, net in found.days), Decimal(0)) == found.bill.net


def test_deploys_add_up_to_the_month() -> None:
    found = told(deploys=(("run-1", at("11-03 00:00")), ("run-2", at("11-05 00:00"))))
    assert [name for name, _ in found.deploys] == ["before", "run-1", "run-2"]
    assert sum((net or Decimal(0) for _, net in found.deploys), Decimal(0)) == found.bill.net


@pytest.mark.parametrize(
    ("budget", "code", "words"),
    [
        ("20", ExitCode.DONE, ""),
        ("13.35", ExitCode.DONE, ""),
        ("13.34", ExitCode.MISSING, "it will be over the budget: 13.35 of 13.34"),
        ("4.98", ExitCode.MISSING, "over the budget: 4.99 of 4.98"),
    ],
)
def test_the_budget_is_held_against_now_and_the_end(budget: str, code: ExitCode, words: str) -> None:
    found = told(budget=Decimal(budget))
    assert exit_code(found) is code
    assert words in " ".join(each.words for each in findings(found))


def test_a_missing_price_leaves_no_total_and_is_exit_code_4_before_any_budget() -> None:
    strange = made("server", spell("server", "cax99", FIRST, None, rate=UNKNOWN))
    found = told(SERVER, strange, budget=Decimal(1))
    assert found.bill.net is None
    assert exit_code(found) is ExitCode.INCOMPLETE
    assert "server cax99@nbg1" in findings(found)[0].words
    assert as_json(found)["net"] is None
    assert "unknown" in as_markdown(found)


def test_a_stale_report_is_exit_code_4_and_says_why_in_one_line() -> None:
    words = "Hetzner does not answer; this is as of 2026-11-10T00:00:00Z"
    found = told(stale=words, budget=Decimal(1))
    assert exit_code(found) is ExitCode.INCOMPLETE
    assert "\n" not in findings(found)[0].words


def test_older_prices_are_told_with_what_they_save() -> None:
    rate = replace(SERVER.spells[0].terms.rate, monthly=W.Money(Decimal("7.00"), Decimal("8.33")))
    old = made("server", spell("server", "cax21", FIRST, None, rate=rate))
    (kept,) = told(old).kept
    assert (kept.paid, kept.listed, kept.difference) == (Decimal(7), Decimal("10.49"), Decimal("3.49"))


def test_what_nobody_uses_is_named_with_the_command_that_ends_it() -> None:
    unused = replace(VOLUME, unused_since=at("11-09 00:00"))
    gone = replace(SERVER, spells=(replace(SERVER.spells[0], end=NOW),))
    named = {each.history.kind: each for each in told(SERVER, unused).orphans}
    assert named["volume"].command == f"hcloud volume delete {VOLUME.id}"
    assert named["volume"].monthly == Decimal("2.86")
    (left,) = told(gone, VOLUME).orphans
    assert left.command == "kvx cleanup --target hetzner --yes-destroy kvx"


def test_a_free_address_that_nobody_uses_costs_nothing_and_is_no_orphan() -> None:
    free = replace(made("primary_ip", spell("primary_ip", "ipv6", FIRST, None)), unused_since=NOW)
    assert told(SERVER, free).orphans == ()


def test_a_day_that_costs_twice_the_usual_is_told() -> None:
    dear = [made("server", spell("server", "cax41", "11-10 00:00", None)) for _ in range(2)]
    assert any("more than twice the usual" in each.words for each in findings(told(SERVER, *dear)))
    assert not any("twice" in each.words for each in findings(told(SERVER)))


def test_the_forecast_goes_on_at_the_pace_of_the_last_days() -> None:
    found = forecast(told())
    # 4.9853 in ten days, of them 7 days 3.4897; 20 days more at that pace
    assert found.days_of_pace == 7
    assert found.committed == Decimal("13.35")
    assert found.by_pace is not None
    assert round(found.by_pace, 2) == Decimal("14.96")


def test_break_even_is_the_machines_price_by_that_of_a_minute() -> None:
    found = BreakEven(Decimal(26), Decimal("0.059"), Decimal(1))
    assert round(found.minutes) == 441
    assert round(BreakEven(Decimal(26), Decimal("0.059"), Decimal("0.5")).minutes) == 220


def with_cluster() -> Report:
    nodes = [PricedNode("a", Decimal(4), Decimal(8 * 2**30), Decimal("10.49"))]
    pods = [
        PlacedPod("kvx", "Deployment/voice-api", "v-1", "a", Decimal(1), Decimal(2 * 2**30)),
        PlacedPod("shop", "Deployment/web", "w-1", "a", Decimal("0.5"), Decimal(2**30)),
    ]
    return told(shares=shares(nodes, pods), audio=Audio(Decimal(1200), Decimal(600)), budget=Decimal(20))


def test_json_has_its_schema_and_amounts_as_text() -> None:
    document = as_json(with_cluster())
    assert document["schema"] == "kvx/cost/v1"
    assert json.loads(json.dumps(document))["net"] == "4.9853"
    assert document["audio"] == {
        "heard_seconds": "1200",
        "spoken_seconds": "600",
        "net_per_minute": "0.1662",
        "net_per_minute_of_the_voice_api": "0.0415",  # the pod has a quarter of the node
    }
    assert not re.search(r"\d\.\d+[,}\]]", re.sub(r'"[^"]*"', "", json.dumps(document)))


def test_csv_has_a_row_for_each_line_and_no_formula() -> None:
    evil = replace(SERVER, name="=HYPERLINK(1)")
    rows = list(csv.DictReader(io.StringIO(as_csv(told(evil, VOLUME)))))
    assert [row["net"] for row in rows] == ["4.0320", "0.9533"]
    assert rows[0]["name"] == "'=HYPERLINK(1)"


def test_focus_has_every_column_and_the_same_sum() -> None:
    rows = list(csv.DictReader(io.StringIO(as_focus(told()))))
    assert tuple(rows[0]) == FOCUS_COLUMNS
    assert sum(Decimal(row["BilledCost"]) for row in rows) == Decimal("4.9853")
    assert {row["ChargePeriodStart"] for row in rows} == {"2026-11-01T00:00:00Z"}


def test_focus_knows_the_list_beside_the_price_that_is_paid() -> None:
    half = W.Money(Decimal("5.245"), Decimal("6.24"))
    rate = replace(SERVER.spells[0].terms.rate, monthly=half)
    old = made("server", spell("server", "cax21", FIRST, None, rate=rate))
    (row,) = csv.DictReader(io.StringIO(as_focus(told(old))))
    assert Decimal(row["ListCost"]) == 2 * Decimal(row["BilledCost"])


def test_markdown_shows_a_name_and_no_markup_of_it() -> None:
    evil = replace(SERVER, labels={"kvx/cluster": "a|b<img>", "kvx/pool": "p"})
    assert "a\\|b&lt;img>" in as_markdown(told(evil))


FIGURES = as_figures(with_cluster(), "0.1.0", NOW, NOW, 1.25)


@pytest.mark.needs("promtool")
def test_figures_are_clean_to_promtool() -> None:
    argv = ["promtool", "check", "metrics"]
    done = subprocess.run(argv, input=FIGURES, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_figures_tell_the_sums_and_leave_out_what_is_unknown() -> None:
    assert 'kvx_cost_month_to_date_euros{cluster="kvx",pool=""} 4.9853' in FIGURES
    assert "kvx_cost_budget_euros 20" in FIGURES
    assert f"kvx_cost_last_success_timestamp_seconds {NOW}" in FIGURES
    strange = made("server", spell("server", "cax99", FIRST, None, rate=UNKNOWN))
    assert "month_to_date_euros" not in as_figures(told(strange), "0", NOW, NOW, 0)


def test_a_stale_run_keeps_the_time_of_the_last_success() -> None:
    text = as_figures(told(stale="x", looked_at=NOW - 7200), "0.1.0", NOW, NOW - 7200, 1)
    assert f"kvx_cost_last_run_timestamp_seconds {NOW}\n" in text
    assert f"kvx_cost_last_success_timestamp_seconds {NOW - 7200}\n" in text
