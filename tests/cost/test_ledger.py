"""The ledger as a file: several write it at once, an older look adds nothing, and what is broken is named."""

import json
import stat
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from kvx.cost.prices import snapshot_document
from kvx.cost.sighting import Seen
from kvx.cost.times import Month
from kvx.drivers import cost_ledger
from kvx.drivers.cost_ledger import Look
from kvx.errors import ExitCode, KvxError

B = Month(2026, 11).begin
PRICING = snapshot_document()
# Writes 20 servers at each of the times it is told.
WRITER = """
import sys
from pathlib import Path
from kvx.cost.prices import snapshot_document
from kvx.cost.sighting import Seen
from kvx.cost.times import Month
from kvx.drivers import cost_ledger
from kvx.drivers.cost_ledger import Look

begin = Month(2026, 11).begin
seen = tuple(Seen("server", number, f"s{number}", {}, begin, "cax11", "nbg1") for number in range(1, 21))
for at in map(int, sys.argv[2:]):
    cost_ledger.record(Path(sys.argv[1]), Look(seen, {}, snapshot_document(), at), 0)
"""


def look(at: int, *numbers: int) -> Look:
    seen = tuple(Seen("server", number, f"s{number}", {}, B, "cax11", "nbg1") for number in numbers)
    return Look(seen, {}, PRICING, at)


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    written = cost_ledger.record(tmp_path, look(B + 60, 1, 2), 0)
    assert cost_ledger.read(tmp_path, 0) == written
    assert written.looked_at == B + 60
    assert written.prices is not None
    assert written.prices.date == "2026-11-01"
    assert stat.S_IMODE((tmp_path / "ledger.sqlite").stat().st_mode) == 0o600


def test_no_ledger_is_an_empty_one_and_reading_makes_none(tmp_path: Path) -> None:
    assert cost_ledger.read(tmp_path, 0) == cost_ledger.Ledger()
    assert not list(tmp_path.iterdir())


def test_many_that_write_at_once_write_it_whole(tmp_path: Path) -> None:
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), *map(str, range(B + 60 + first, B + 69, 3))]
        )
        for first in range(3)
    ]
    assert [writer.wait(170) for writer in writers] == [0, 0, 0]
    found = cost_ledger.read(tmp_path, 0)
    assert len(found.histories) == 20
    assert found.looked_at == B + 68
    assert all(len(each.spells) == 1 and each.first_seen <= B + 68 for each in found.histories)


def test_a_look_older_than_the_last_adds_nothing(tmp_path: Path) -> None:
    cost_ledger.record(tmp_path, look(B + 100, 1), 0)
    assert [each.end for each in cost_ledger.record(tmp_path, look(B + 90), 0).histories] == [None]


def test_a_clock_that_went_back_writes_nothing_and_says_so(tmp_path: Path) -> None:
    cost_ledger.record(tmp_path, look(B + 86_400, 1), 0)
    with pytest.raises(KvxError, match="the clock says 2026-11-01T00:00:10Z") as refusal:
        cost_ledger.record(tmp_path, look(B + 10), 0)
    assert refusal.value.exit_code is ExitCode.INCOMPLETE
    assert [each.end for each in cost_ledger.read(tmp_path, 0).histories] == [None]


def test_what_ended_before_is_left_out(tmp_path: Path) -> None:
    cost_ledger.record(tmp_path, look(B + 60, 1, 2), 0)
    cost_ledger.record(tmp_path, look(B + 120, 2), 0)
    assert {each.id for each in cost_ledger.read(tmp_path, B + 121).histories} == {2}
    assert {each.id for each in cost_ledger.read(tmp_path, B + 120).histories} == {1, 2}


def test_a_broken_ledger_is_named_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite").write_bytes(b"no database" * 200)
    with pytest.raises(KvxError, match="cannot be used") as refusal:
        cost_ledger.read(tmp_path, 0)
    assert refusal.value.fix.startswith("mv ")


def test_a_newer_ledger_is_left_alone(tmp_path: Path) -> None:
    import sqlite3

    cost_ledger.record(tmp_path, look(B + 60, 1), 0)
    with sqlite3.connect(tmp_path / "ledger.sqlite") as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(KvxError, match="newer kvx"):
        cost_ledger.record(tmp_path, look(B + 70, 1), 0)


def test_amounts_lie_in_it_as_text(tmp_path: Path) -> None:
    import sqlite3

    cost_ledger.record(tmp_path, look(B + 60, 1), 0)
    with sqlite3.connect(tmp_path / "ledger.sqlite") as connection:
        (document,) = connection.execute("SELECT document FROM resources").fetchone()
    assert json.loads(document)["spells"][0]["monthly"] == ["5.99", "7.1281"]
    assert Decimal("5.99") == Decimal(json.loads(document)["spells"][0]["monthly"][0])
