"""What a voice API's own ledger tells is what kvx bills: the two programs know each other by JSON alone."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from kvx.cost.times import Month
from kvx.cost.usage import Used, read_usage
from voice_api.engines.elsewhere import Elsewhere, elsewhere
from voice_api.engines.file import read_engines
from voice_api.engines.standing import usage
from voice_api.usage.amounts import Amounts
from voice_api.usage.entries import Ask
from voice_api.usage.ledger import Granted
from voice_api.usage.opened_later import OpenedLater
from voice_api.usage.store import SqlStore, sqlite_engine

ENGINES = """
[engines.other]
kind = "openai"
address = "http://127.0.0.1:9/v1"
tasks = ["listen"]
"""


def service(folder: Path) -> Elsewhere:
    (folder / "keys").mkdir()
    (folder / "engines.toml").write_text(ENGINES)
    store = OpenedLater(lambda: SqlStore(sqlite_engine(folder / "usage.sqlite")))
    file = read_engines(folder / "engines.toml")
    return elsewhere(file, store, folder / "keys", lambda _: None, local_only=False)


def test_what_was_spent_is_what_is_billed(tmp_path: Path) -> None:
    there, now = service(tmp_path), datetime.now(UTC)
    for key, minutes, microeuros in (("ann", 1, 59_000), ("ann", 2, 118_000), ("bob", 1, 59_000)):
        spent = Amounts(1, minutes * 60_000, 0, microeuros)
        held = there.ledger.reserve(Ask(f"{key}-{minutes}", "other", key, spent, 60_000))
        assert isinstance(held, Granted)
        assert there.ledger.send(held.entry)
        there.ledger.settle(held.entry, spent)
    told = read_usage(json.loads(json.dumps(usage(there, now.year, now.month))))
    assert told.month == Month(now.year, now.month)
    at = told.used[0].at
    assert {each.key: each for each in told.used} == {
        "ann": Used("other", "ann", at, 2, 180_000, 0, 177_000),
        "bob": Used("other", "bob", at, 1, 60_000, 0, 59_000),
    }
    assert {each.per_minute for each in told.used} == {Decimal("0.059")}
    minutes = next(each for each in told.allowances if each.unit == "milliseconds" and each.key is None)
    assert minutes.limit - minutes.left == 240_000
    assert minutes.resets_at is not None
    assert minutes.resets_at > at


def test_what_was_heard_and_spoken_here_is_told_by_key_and_costs_nothing_of_its_own(tmp_path: Path) -> None:
    there, now = service(tmp_path), datetime.now(UTC)
    there.sound.heard("local", "ann", 90)
    there.sound.spoken("local", "ann", 30)
    there.sound.spoken("other", "bob", 6)
    told = read_usage(json.loads(json.dumps(usage(there, now.year, now.month)))).used
    assert [(each.engine, each.key, each.heard_minutes, each.spoken_minutes) for each in told] == [
        ("local", "ann", Decimal("1.5"), Decimal("0.5")),
        ("other", "bob", Decimal(0), Decimal("0.1")),
    ]
    assert {each.net for each in told} == {Decimal("0.0000")}


def test_without_engines_nothing_is_billed(tmp_path: Path) -> None:
    (tmp_path / "engines.toml").write_text("")
    store = OpenedLater(lambda: SqlStore(sqlite_engine(tmp_path / "usage.sqlite")))
    none = elsewhere(
        read_engines(tmp_path / "engines.toml"), store, tmp_path, lambda _: None, local_only=False
    )
    assert read_usage(usage(none, 2026, 11)).used == ()
