"""Processes that race for the last units, and processes that are killed: in both databases."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from voice_api.usage.amounts import Amounts, Unit
from voice_api.usage.budgets import Budget
from voice_api.usage.entries import Ask, Entry
from voice_api.usage.ledger import Granted, Ledger, Repeated
from voice_api.usage.store import SqlStore, postgresql_engine, sqlite_engine
from voice_api.usage.tables import LINES
from voice_api.usage.windows import Month

PROGRAM = Path(__file__).with_name("program.py")
# Made 500 by KVX_TEST_LEDGER_KILLS=500.
KILLS = int(os.environ.get("KVX_TEST_LEDGER_KILLS", "16"))
DEADLINE_SECONDS = 240 + 2 * KILLS
LIVES_MS, HELD_MS = 600_000, 1_000
PIECE_MS, MOMENTS = 400, 15


def ledger_in(database: str, unit: Unit, most: int, now: int) -> Ledger:
    engine = postgresql_engine(database) if database[:4] == "post" else sqlite_engine(Path(database))
    budget = Budget(unit, most, Month(1, ZoneInfo("UTC")), "cloud")
    return Ledger(SqlStore(engine), lambda *_: (budget,), lambda: now)


def ask(key: str, amounts: Amounts) -> Ask:
    return Ask(key, "cloud", "ann", amounts, LIVES_MS)


def test_64_requests_of_3_processes_get_exactly_the_last_10(database: str) -> None:
    now = time.time_ns() // 1_000_000
    ledger = ledger_in(database, Unit.CHARACTERS, 100, now)
    first = ledger.reserve(ask("first", Amounts(characters=90)))
    assert isinstance(first, Granted)
    assert ledger.send(first.entry)
    ledger.settle(first.entry, Amounts(characters=90))
    racers = [started("race", database, f"racer {count}", str(count), str(now)) for count in (22, 23, 19)]
    assert all(racer.stdout.readline() == "ready\n" for racer in racers)
    for racer in racers:
        racer.stdin.write("go\n")
        racer.stdin.flush()
    granted = [int(racer.communicate(timeout=DEADLINE_SECONDS)[0]) for racer in racers]
    assert sum(granted) == 10
    assert [use.used for use in ledger.uses("cloud", "ann")] == [100]


def started(*arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, str(PROGRAM), *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


@pytest.mark.timeout(DEADLINE_SECONDS + 60)
def test_whatever_is_killed_the_ledger_says_no_less_than_the_provider(database: str, tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    ends = started("kill", database, str(calls), str(KILLS)).communicate(timeout=DEADLINE_SECONDS)[0].split()
    assert len(ends) == KILLS
    assert set(ends) == {"0", str(-signal.SIGKILL)}

    counted = [line.split("\t") for line in calls.read_text().splitlines()]
    truth = {key: int(spent) for key, spent in counted}
    assert len(truth) == len(counted), "no wish went out twice"

    now = (tmp_path / "calls").stat().st_mtime_ns // 1_000_000
    lines = standing(ledger_in(database, Unit.MILLISECONDS, 10**9, now), KILLS)
    open_lines = [line for line in lines if line.state in ("held", "sent")]
    assert open_lines, "some were killed in between"
    said = used(database, now)
    assert sum(truth.values()) <= said <= sum(truth.values()) + HELD_MS * len(open_lines)

    later = now + 2 * LIVES_MS
    sent = [line for line in lines if line.state == "sent"]
    exact = sum(truth.values()) + sum(HELD_MS - truth.get(line.idempotency_key, 0) for line in sent)
    assert used(database, later) == exact, "what was held and not sent is given back"

    ledger = ledger_in(database, Unit.MILLISECONDS, 10**9, later)
    for line in sent:
        ledger.settle(line, Amounts(1, truth.get(line.idempotency_key, 0)))
    assert used(database, later) == sum(truth.values()), "by its keys the ledger is brought to the truth"


@pytest.mark.timeout(DEADLINE_SECONDS + 60)
def test_a_stream_that_is_killed_has_one_line_open_and_counts_no_less_than_went_out(
    database: str, tmp_path: Path
) -> None:
    calls, rounds = tmp_path / "calls", max(MOMENTS, KILLS // 3)
    ends = (
        started("streams", database, str(calls), str(rounds)).communicate(timeout=DEADLINE_SECONDS)[0].split()
    )
    whole = [number for number in range(rounds) if number % MOMENTS == MOMENTS - 1]
    assert [number for number, end in enumerate(ends) if end == "0"] == whole
    assert set(ends) == {"0", str(-signal.SIGKILL)}
    lines = lines_in(database)
    truth = Counter(line.split("\t")[0] for line in calls.read_text().splitlines())
    for number in range(rounds):
        own = [state for key, state in lines if key.startswith(f"stream {number}/")]
        still_open = sum(state in ("held", "sent") for state in own)
        assert still_open == (1 if own and number not in whole else 0), own
    sent = PIECE_MS * truth.total()
    now = calls.stat().st_mtime_ns // 1_000_000
    assert sent <= used(database, now) <= sent + HELD_MS * (rounds - len(whole))


def lines_in(database: str) -> list[tuple[str, str]]:
    engine = postgresql_engine(database) if database[:4] == "post" else sqlite_engine(Path(database))
    with engine.connect() as connection:
        rows = connection.execute(select(LINES.c.idempotency_key, LINES.c.state)).all()
    engine.dispose()
    return [(str(key), str(state)) for key, state in rows]


def used(database: str, now: int) -> int:
    return ledger_in(database, Unit.MILLISECONDS, 10**9, now).uses("cloud", "ann")[0].used


def standing(ledger: Ledger, keys: int) -> list[Entry]:
    """The last line of each key that is there; what is not there is asked for, and given back."""
    lines = []
    for number in range(keys):
        match ledger.reserve(ask(f"key {number}", Amounts(1, HELD_MS))):
            case Repeated(entry):
                lines.append(entry)
            case Granted(entry):
                ledger.release(entry)
            case other:
                pytest.fail(f"{other}")
    return lines
