"""Cloud engines: what the voice API counted becomes lines, minutes and forecasts."""

import importlib.util
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvx.commands.cost_table import lines_of
from kvx.cost.as_csv import FOCUS_COLUMNS, as_focus
from kvx.cost.as_figures import as_figures
from kvx.cost.as_json import as_json
from kvx.cost.forecast import forecast
from kvx.cost.minutes import sound_by_engine, sound_by_key, sound_of
from kvx.cost.prices import Rate
from kvx.cost.report import Basis, Report, report
from kvx.cost.sharing import Share, Shares
from kvx.cost.times import Month
from kvx.cost.usage import Allowance, Stretch, Usage, Used, by_engine, read_usage, until
from kvx.drivers import cost_engines
from kvx.errors import ExitCode, KvxError
from kvx.secret import Secret


def _histories() -> ModuleType:
    """histories.py beside this file."""
    spec = importlib.util.spec_from_file_location("cost_histories", Path(__file__).with_name("histories.py"))
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["cost_histories"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


W = _histories()
NOVEMBER = Month(2026, 11)
NOW = W.at("11-11 00:00")
SERVER = W.made("server", W.spell("server", "cax21", "11-01 00:00", None))


def used(engine: str, key: str, minutes: int, euros: str, characters: int = 0) -> Used:
    at, micro = W.at("11-10 00:00"), int(Decimal(euros) * 1_000_000)
    return Used(engine, key, at, 1, minutes * 60_000, characters, micro)


HUME = used("hume", "ada", 20, "1.18")
BOBS = used("hume", "bob", 10, "0.59")
SPOKEN = used("elevenlabs", "ada", 0, "0.3", 2_000)
FREE = Allowance(
    "minutes", "hume", None, "milliseconds", 600_000, 150_000, W.at("11-20 00:00"), W.at("11-12 08:00")
)


def told(*told: Used, **more: Any) -> Report:
    plain: dict[str, Any] = {"until": NOW, "now": NOW, "looked_at": NOW, "used": told}
    prices = replace(W.PRICES, source="hetzner", date="2026-11-11")
    return report(Basis((SERVER,), prices, NOVEMBER, **(plain | more)))


def document(**more: Any) -> dict[str, Any]:
    row = {"key": "ada", "engine": "hume", "requests": 3, "milliseconds": 60_000, "microeuros": 59_000}
    bound = {"name": "minutes", "engine": "hume", "key": None, "unit": "milliseconds", "limit": 600_000}
    bound |= {"left": 540_000, "used": 60_000, "held": 0, "resets_at": "2026-12-01T00:00:00Z"}
    plain = {"schema": "kvx.usage/1", "time": "2026-11-11T00:00:00Z", "month": "2026-11"}
    return {**plain, "by_key": [row], "budgets": [bound], "engines": [{"name": "hume"}], **more}


def test_each_engine_and_key_is_a_line_and_every_grouping_has_the_same_sum() -> None:
    # 240 h x 0.0168 = 4.032, and 1.18 + 0.59 + 0.30
    found = told(HUME, BOBS, SPOKEN)
    assert found.bill.net == Decimal("6.1020")
    assert found.machines.net == Decimal("4.0320")
    lines = {(each.type, each.name): each for each in found.bill.charges if each.kind == "engine"}
    assert lines["hume", "ada"].price == Decimal("0.059")
    assert (lines["hume", "ada"].quantity, lines["hume", "ada"].unit) == (20, "minutes")
    assert (lines["elevenlabs", "ada"].quantity, lines["elevenlabs", "ada"].unit) == (2_000, "characters")
    for part in ("type", "name", "pool", "product", "kind", "location"):
        groups = found.bill.by(lambda charge, part=part: str(getattr(charge, part)))  # type: ignore[misc]
        assert sum((each.net or Decimal(0) for each in groups.values()), Decimal(0)) == found.bill.net


def test_a_minute_is_told_by_engine_and_by_key() -> None:
    engines, report = by_engine((HUME, BOBS, SPOKEN)), told(HUME, BOBS, SPOKEN)
    assert (engines["hume"].minutes, engines["hume"].per_minute) == (30, Decimal("0.059"))
    assert (engines["elevenlabs"].characters, engines["elevenlabs"].per_minute) == (2_000, None)
    keys = sound_by_key(report)
    assert (keys["ada"].net, keys["bob"].net) == (Decimal("1.48"), Decimal("0.59"))
    found = as_json(report)
    assert found["by_key"]["bob"]["net_per_minute"] == "0.0590"  # type: ignore[index]
    assert [each["key"] for each in found["engines"]] == ["ada", "ada", "bob"]  # type: ignore[attr-defined]


def here(key: str, heard_minutes: int, spoken_minutes: int) -> Used:
    """Sound on the own machines."""
    plain = used("local", key, heard_minutes, "0")
    return replace(plain, spoken_milliseconds=spoken_minutes * 60_000)


def test_what_is_heard_and_spoken_here_is_no_line_and_has_its_part_of_the_machines() -> None:
    # The machines cost 4.032 until now: 72 minutes at 0.056.
    found = told(here("ada", 30, 10), here("bob", 24, 8), BOBS)
    assert found.bill.net == Decimal("4.6220")
    assert [each.type for each in found.bill.charges if each.kind == "engine"] == ["hume"]
    keys, engines = sound_by_key(found), sound_by_engine(found)
    assert (keys["ada"].net, keys["bob"].net) == (Decimal("2.24"), Decimal("1.792") + Decimal("0.59"))
    assert (keys["ada"].per_minute, engines["local"].per_minute) == (Decimal("0.056"), Decimal("0.056"))
    assert engines["hume"].per_minute == Decimal("0.059")
    assert as_json(found)["by_key"]["ada"] == {  # type: ignore[index]
        "requests": 1,
        "heard_seconds": "1800",
        "spoken_seconds": "600",
        "characters": 0,
        "net": "0.0000",
        "machines_net": "2.2400",
        "net_per_minute": "0.0560",
    }
    lines = "\n".join(lines_of(found, "key", gross=False))
    assert re.search(r"key ada: 30.0 minutes heard, 10.0 spoken +0.0560 / min", lines)
    assert re.search(r"engine local: 54.0 minutes heard, 18.0 spoken +0.0560 / min", lines)


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (0, "minutes: used up, begins anew 2026-11-20 +0% left"),
        (150_000, "minutes: used up 2026-11-12 08:00 UTC at this pace +25% left"),
    ],
)
def test_what_is_left_of_an_allowance_is_told_as_it_is(left: int, words: str) -> None:
    found = told(HUME, allowances=(replace(FREE, left=left),))
    assert re.search(words, "\n".join(lines_of(found, "engine", gross=False)))


def test_of_shared_machines_only_what_the_pods_of_the_voice_api_take_is_divided() -> None:
    plain = told(here("ada", 30, 10))
    part = Share("kvx", "voice-api", "voice-api-1", "node-1", Decimal(1))
    rest = Share("idle", "idle", "idle", "node-1", Decimal(3))
    found = replace(plain, shares=Shares((part, rest)))
    assert sound_by_key(found)["ada"].net == Decimal("1.008")  # a quarter of 4.032


SOUNDS = st.dictionaries(st.sampled_from("abc"), st.tuples(st.integers(1, 10**7), st.integers(0, 10**7)))
BOUGHT = st.dictionaries(st.sampled_from("abc"), st.integers(0, 10**6))


@given(SOUNDS.filter(bool), BOUGHT)
def test_what_keys_have_of_machines_and_engines_is_all_of_them_in_every_grouping(
    sounds: dict[str, tuple[int, int]], bought: dict[str, int]
) -> None:
    at = W.at("11-10 00:00")
    local = [Used("local", key, at, 1, heard, 0, 0, spoken) for key, (heard, spoken) in sounds.items()]
    found = told(*local, *(Used("hume", key, at, 1, 1_000, 0, euros) for key, euros in bought.items()))
    each_alone = {at: sound_of(found, [used]) for at, used in enumerate(found.used)}
    for groups in (sound_by_key(found), sound_by_engine(found), each_alone):
        nets = [each.net for each in groups.values()]
        assert round(sum((net or Decimal(0) for net in nets), Decimal(0)), 12) == found.bill.net
        assert all(net is not None and net >= 0 for net in nets)


def test_minutes_here_beside_an_unknown_price_of_a_machine_have_no_price() -> None:
    unknown = Rate(None)
    nameless = W.made("server", W.spell("server", "cax21", "11-01 00:00", None, rate=unknown))
    found = report(replace(told(here("ada", 30, 10)).basis, histories=(nameless,)))
    assert sound_by_key(found)["ada"].per_minute is None
    assert "unknown" in next(each for each in lines_of(found, "key", gross=False) if "key ada" in each)


def test_amounts_are_those_that_were_told_by_then() -> None:
    first = replace(HUME, at=W.at("11-05 00:00"), microeuros=500_000)
    assert until((first, HUME), W.at("11-09 23:59")) == (first,)
    found = told(first, HUME)
    days = dict(found.days)
    assert days["2026-11-10"] == Decimal("0.4032") + Decimal(0)
    assert days["2026-11-09"] == Decimal("0.4032") + Decimal("0.68")
    assert sum((net or Decimal(0) for net in days.values()), Decimal(0)) == found.bill.net


def test_euros_beside_a_list_in_another_currency_leave_no_total() -> None:
    dollars = replace(W.PRICES, currency="USD")
    found = report(Basis((SERVER,), dollars, NOVEMBER, NOW, NOW, used=(HUME,)))
    assert found.bill.net is None
    assert found.missing == ("cloud engine hume",)


def test_the_gross_of_an_engine_is_its_net_with_tax() -> None:
    (line,) = [each for each in told(HUME).bill.charges if each.kind == "engine"]
    assert line.gross == Decimal("1.4042")


@pytest.mark.parametrize(
    ("bound", "resets", "euros"),
    [
        # 0.20 a day, for 20 days: 4; with 1 euro left until the 21st, then at most 3 again: 1 + 2; else 1 + 1
        (None, None, "4"),
        ("3", "11-21 00:00", "3"),
        ("1", "11-21 00:00", "2"),
        ("3", None, "1"),
        ("3", "12-09 00:00", "1"),
    ],
)
def test_an_engine_never_costs_more_than_its_own_month_allows(
    bound: str | None, resets: str | None, euros: str
) -> None:
    allowances: tuple[Allowance, ...] = ()
    if bound is not None:
        limit = int(Decimal(bound) * 1_000_000)
        end = None if resets is None else W.at(resets)
        allowances = (Allowance("euros", "hume", None, "microeuros", limit, 1_000_000, end, None),)
    stretch = Stretch(NOW, NOVEMBER.end, allowances)
    assert stretch.of("hume", Decimal(200_000)) == Decimal(euros) * 1_000_000


def test_the_forecast_goes_on_at_the_pace_of_engines_too() -> None:
    """4.032 of machines by now, 0.4032 a day; 1.18 of hume in ten days: 0.118 a day, twenty days more."""
    found = forecast(told(HUME))
    assert found.committed == Decimal("10.49") + Decimal("1.18")
    assert found.by_pace == Decimal("4.032") + 20 * Decimal("0.4032") + Decimal("1.18") + Decimal("2.36")
    week = replace(HUME, at=W.at("11-03 12:00"), microeuros=1_000_000)
    slower = forecast(told(week, HUME))  # 0.18 in the last seven days
    assert slower.by_pace is not None
    assert round(slower.by_pace, 4) == round(
        Decimal("4.032") + 20 * Decimal("0.4032") + Decimal("1.18") + Decimal("0.18") * 20 / 7, 4
    )


def test_a_pace_is_never_below_nothing() -> None:
    """A call was given back: that does not go on."""
    week = replace(HUME, at=W.at("11-03 12:00"), microeuros=HUME.microeuros + 500_000)
    assert forecast(told(week, HUME)).by_pace == Decimal("4.032") + 20 * Decimal("0.4032") + Decimal("1.18")


def test_what_the_voice_api_says_is_read() -> None:
    found = read_usage(document())
    assert found.used == (Used("hume", "ada", NOW, 3, 60_000, 0, 59_000),)
    assert found.allowances[0].left_ratio == Decimal("0.9")
    assert not found.allowances[0].ends_early
    assert read_usage(document(by_key=None, budgets=None)) == Usage(NOVEMBER, (), ())


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        [],
        {"schema": "kvx.usage/2"},
        document(time="soon"),
        document(month="November"),
        document(by_key=[{"key": "ada"}]),
        document(by_key=[{"key": "ada", "engine": "hume", "microeuros": 0.5}]),
        document(by_key=[{"key": "ada", "engine": "hume", "microeuros": -1}]),
        document(by_key=[{"key": "ada", "engine": "hume", "microeuros": True}]),
        document(budgets=["minutes"]),
    ],
)
def test_anything_else_is_refused_in_words(wrong: object) -> None:
    with pytest.raises(KvxError) as refusal:
        read_usage(wrong)
    assert refusal.value.exit_code in {ExitCode.INCOMPLETE, ExitCode.USAGE}


def test_the_ledger_keeps_what_is_new_as_it_was_told(tmp_path: Path) -> None:
    def tell(*told: Used) -> tuple[Used, ...]:
        cost_engines.keep(tmp_path, Usage(NOVEMBER, told, (FREE,)))
        return cost_engines.kept(tmp_path, NOVEMBER)[0]

    assert tell(HUME) == (HUME,)
    assert tell(replace(HUME, at=HUME.at + 3600)) == (HUME,)  # nothing new
    less = replace(HUME, at=HUME.at + 7200, microeuros=HUME.microeuros - 59_000)  # a call that was not made
    assert tell(less) == (HUME, less)
    assert until((HUME, less), NOW + 7200) == (less,)
    assert cost_engines.kept(tmp_path, NOVEMBER)[1] == (FREE,)
    assert cost_engines.kept(tmp_path, NOVEMBER.following)[0] == ()


@contextmanager
def voice_api(status: int, body: bytes) -> Iterator[tuple[str, list[tuple[str, str | None]]]]:
    """Answers every request so; what was asked, and with which authorization."""
    asked: list[tuple[str, str | None]] = []

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, self.headers.get("Authorization")))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join(60)
        server.server_close()


def test_it_is_asked_with_its_key_and_for_the_month() -> None:
    with voice_api(200, json.dumps(document()).encode()) as (address, asked):
        found = cost_engines.ask(address, NOVEMBER, Secret("k3y"))
    assert found.used[0].microeuros == 59_000
    assert asked == [("/v1/usage?month=2026-11", "Bearer k3y")]


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (401, b"", "wants a key"),
        (404, b"", "too old"),
        (500, b"", "answers 500"),
        (200, b"<html>", "not what a voice API was used for"),
    ],
)
def test_a_voice_api_that_does_not_tell_is_said_in_words(status: int, body: bytes, words: str) -> None:
    with voice_api(status, body) as (address, _), pytest.raises(KvxError, match=words):
        cost_engines.ask(address, NOVEMBER, None)


def test_nobody_there_is_said_in_words() -> None:
    with pytest.raises(KvxError, match="ConnectError"):
        cost_engines.ask("http://127.0.0.1:9", NOVEMBER, None)
    with pytest.raises(KvxError, match="cannot be read"):
        cost_engines.read_file(Path("/nowhere/usage.json"))


FIGURES = as_figures(told(HUME, SPOKEN, allowances=(FREE,)), "0.1.0", NOW, NOW, 1)


@pytest.mark.needs("promtool")
def test_figures_of_engines_are_clean_to_promtool() -> None:
    argv = ["promtool", "check", "metrics"]
    done = subprocess.run(argv, input=FIGURES, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_figures_tell_engines_and_what_is_left_of_them() -> None:
    assert 'kvx_cost_engine_euros{engine="hume",key="ada"} 1.1800' in FIGURES
    assert (
        'kvx_cost_allowance_left_ratio{engine="hume",allowance="minutes",unit="milliseconds"} 0.25' in FIGURES
    )
    assert "kvx_cost_allowance_empty_timestamp_seconds{" in FIGURES
    lasting = replace(FREE, empty_at=None)
    text = as_figures(told(HUME, allowances=(lasting,)), "0.1.0", NOW, NOW, 1)
    assert "allowance_empty" not in text


def test_focus_names_the_engine_as_who_is_paid() -> None:
    import csv
    import io

    rows = list(csv.DictReader(io.StringIO(as_focus(told(HUME)))))
    assert tuple(rows[0]) == FOCUS_COLUMNS
    assert rows[-1]["ProviderName"] == "hume"
    assert rows[-1]["BilledCost"] == "1.1800"
    assert rows[0]["ProviderName"] == "Hetzner Online GmbH"
