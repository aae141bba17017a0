"""kvx usage and kvx status, of a voice API here with cloud engines: one is used up, one has no key."""

import time
from pathlib import Path
from typing import Any

import pytest

from voice_api.engines.elsewhere import policy_of
from voice_api.engines.file import read_engines
from voice_api.usage.amounts import Amounts
from voice_api.usage.entries import Ask
from voice_api.usage.ledger import Granted, Ledger
from voice_api.usage.store import SqlStore, sqlite_engine

ENGINES = """
[engines.gone]
kind = "openai"
address = "http://127.0.0.1:9/v1"
euros_a_minute = 0.06
[engines.fresh]
kind = "openai"
address = "http://127.0.0.1:9/v1"
minutes = 20
[callers.ann.limits.fresh]
requests_a_minute = 3
"""
SETTINGS = """
[voice]
engines_file = "engines.toml"
engine_keys_folder = "keys"
ledger_file = "usage.sqlite"
"""


@pytest.fixture(scope="module")
def deployed(program: Any) -> Any:
    """A voice API whose ledger says already that ann has heard ten minutes with one engine."""
    folder: Path = program.folder
    (folder / "kvx.toml").write_text(SETTINGS)
    (folder / "engines.toml").write_text(ENGINES)
    (folder / "keys").mkdir()
    (folder / "keys" / "gone").write_text("sk-canary")
    store = SqlStore(sqlite_engine(folder / "usage.sqlite"))
    budgets = policy_of(read_engines(folder / "engines.toml").tables).budgets
    ledger = Ledger(store, budgets, lambda: time.time_ns() // 1_000_000)
    granted = ledger.reserve(Ask("a", "gone", "ann", Amounts(1, 600_000), 60_000))
    assert isinstance(granted, Granted)
    assert ledger.send(granted.entry)
    ledger.settle(granted.entry, Amounts(1, 600_000, microeuros=600_000))
    store.close()
    done = program.run("deploy")
    assert done.returncode == 0, done.stderr.decode()
    return program


def test_the_page_of_numbers_says_that_a_limit_is_reached_and_when_it_begins_anew(deployed: Any) -> None:
    done = deployed.run("usage")
    page = done.stdout.decode()
    assert done.returncode == 3
    assert "limit reached: gone minutes; the local engine answers until 20" in done.stderr.decode()
    rows = {line.split("  ")[1]: line for line in page.splitlines() if line.startswith("  ")}
    assert "10.0 min  0.0 min  limit reached  10.0 min" in rows["gone minutes"]
    assert "no longer" in rows["gone minutes"]
    assert "20.0 min" in rows["fresh minutes"]
    assert "until it begins anew" in rows["fresh minutes"]
    assert rows["fresh requests of ann"].split()[4:8] == ["0", "0", "3", "3"]
    assert "engine    gone: ready" in page
    assert "engine    fresh: without a key" in page
    assert rows["ann"].split() == ["ann", "gone", "1", "10.00", "0.00", "0", "0.6000"]
    assert "canary" not in page


def test_the_same_for_programs(deployed: Any) -> None:
    found = deployed.json("usage")
    assert (found["schema"], found["target"], found["exit_code"]) == ("kvx/usage/v1", "local", 3)
    spent = {"requests": 1, "milliseconds": 600_000, "characters": 0, "microeuros": 600_000}
    assert found["by_engine"][0] == {"engine": "gone", **spent, "spoken_milliseconds": 0}
    assert deployed.json("usage", "--month", "2020-01")["by_engine"] == []


def test_a_month_that_is_none_is_wrong_usage(deployed: Any) -> None:
    refused = deployed.run("usage", "--month", "soon")
    assert refused.returncode == 2
    assert "2026-11" in refused.stderr.decode()


def test_status_says_it_in_a_line(deployed: Any) -> None:
    printed = deployed.run("status").stdout.decode()
    line = next(line for line in printed.splitlines() if line.startswith("budget"))
    assert "gone minutes: limit reached, until 1 " in line
    assert "local answers" in line
    assert "fresh minutes: 20.0 min of 20.0 min left, lasts until it begins anew; without a key" in line
    budget = deployed.json("status")["budget"]
    assert (budget["seconds_left"], budget["note"]) == (0, None)


def test_a_deploy_takes_another_file_of_engines_and_keeps_what_was_used(deployed: Any) -> None:
    file = deployed.folder / "engines.toml"
    file.write_text(file.read_text().replace("euros_a_minute = 0.06", "minutes = 30"))
    assert deployed.run("deploy").returncode == 0
    told = deployed.json("usage")
    minutes = next(each for each in told["budgets"] if each["name"] == "gone minutes")
    assert (told["exit_code"], minutes["used"], minutes["left"]) == (0, 600_000, 1_200_000)
