"""The ledger: every billed resource since it was first seen, in one SQLite file that several may write."""

import json
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from kvx.cost.audio import Audio
from kvx.cost.history import History, Key
from kvx.cost.history_json import history_from_json, history_to_json
from kvx.cost.prices import Prices, parse_prices
from kvx.cost.sighting import Events, Seen, look_again
from kvx.cost.times import Month, day_of, text_of
from kvx.drivers.files import file_errors
from kvx.errors import ExitCode, KvxError

NAME = "ledger.sqlite"
_FORM = 2
_WAIT_SECONDS = 30.0
_LONGEST_RUN_SECONDS = 900
_TABLES = """
CREATE TABLE IF NOT EXISTS resources (
    kind TEXT NOT NULL, id INTEGER NOT NULL, ended INTEGER, document TEXT NOT NULL, PRIMARY KEY (kind, id)
);
CREATE INDEX IF NOT EXISTS by_end ON resources (ended);
CREATE TABLE IF NOT EXISTS looks (at INTEGER PRIMARY KEY, price_date TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS price_lists (date TEXT PRIMARY KEY, document TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS counters (
    source TEXT PRIMARY KEY, started INTEGER NOT NULL, heard INTEGER NOT NULL, spoken INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS sound (month TEXT PRIMARY KEY, heard INTEGER NOT NULL, spoken INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS used (
    month TEXT NOT NULL, engine TEXT NOT NULL, key TEXT NOT NULL, at INTEGER NOT NULL, told TEXT NOT NULL,
    PRIMARY KEY (month, engine, key, at)
);
CREATE TABLE IF NOT EXISTS allowances (only INTEGER PRIMARY KEY, document TEXT NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Look:
    """What Hetzner said at the second `at`; `pricing` is its price list as it came."""

    seen: Sequence[Seen]
    events: Events
    pricing: Mapping[str, Any]
    at: int


@dataclass(frozen=True, slots=True)
class Counter:
    """What one process of the voice API heard and spoke since it started, in milliseconds of sound."""

    source: str
    started: int
    heard: int
    spoken: int


@dataclass(frozen=True, slots=True)
class Ledger:
    """What is known: histories, the last look in seconds, and the last price list that Hetzner gave."""

    histories: tuple[History, ...] = ()
    looked_at: int | None = None
    prices: Prices | None = None


def read(folder: Path, since: int) -> Ledger:
    """Histories that had not ended by `since`; an empty ledger where there is none."""
    if not (folder / NAME).exists():
        return Ledger()
    with opened(folder) as connection:
        return _ledger(connection, since)


def record(folder: Path, look: Look, since: int) -> Ledger:
    """Write down a look and return what is known then, in one transaction.

    A look that is older than the last one adds nothing: another kvx was quicker. Raises a KvxError (exit
    code 4) where the clock stands before the last look by more than a run can take.
    """
    with opened(folder) as connection:
        before = _ledger(connection, 0)
        _check_clock(before.looked_at, look.at)
        if before.looked_at is None or look.at > before.looked_at:
            _write(connection, before, look)
        return _ledger(connection, since)


def add_sound(folder: Path, month: Month, counters: Sequence[Counter]) -> Audio | None:
    """Add what was heard since the last look to its month; None while nothing was ever counted.

    A counter that is new counts from its start if that was in this month, else from now on; one that
    started again counts from nothing.
    """
    with opened(folder) as connection:
        for each in counters:
            heard, spoken = _grown(connection, each, month)
            connection.execute(
                "INSERT INTO sound VALUES (?, ?, ?) ON CONFLICT (month) DO UPDATE SET"
                " heard = heard + excluded.heard, spoken = spoken + excluded.spoken",
                (str(month), heard, spoken),
            )
            row = (each.source, each.started, each.heard, each.spoken)
            connection.execute("INSERT OR REPLACE INTO counters VALUES (?, ?, ?, ?)", row)
        query = "SELECT heard, spoken FROM sound WHERE month = ?"
        found = connection.execute(query, (str(month),)).fetchone()
    return None if found is None else Audio(Decimal(found[0]) / 1000, Decimal(found[1]) / 1000)


def _grown(connection: sqlite3.Connection, counter: Counter, month: Month) -> tuple[int, int]:
    query = "SELECT started, heard, spoken FROM counters WHERE source = ?"
    before = connection.execute(query, (counter.source,)).fetchone()
    if before is None:
        return (counter.heard, counter.spoken) if counter.started >= month.begin else (0, 0)
    started, heard, spoken = before
    again = started != counter.started or heard > counter.heard or spoken > counter.spoken
    return (counter.heard, counter.spoken) if again else (counter.heard - heard, counter.spoken - spoken)


def _check_clock(looked_at: int | None, at: int) -> None:
    if looked_at is not None and at < looked_at - _LONGEST_RUN_SECONDS:
        message = f"the clock says {text_of(at)}, and the last look was at {text_of(looked_at)}"
        raise KvxError(f"{message}: nothing was written", "timedatectl set-ntp true", ExitCode.INCOMPLETE)


def _write(connection: sqlite3.Connection, before: Ledger, look: Look) -> None:
    known: Mapping[Key, History] = {each.key: each for each in before.histories}
    day = day_of(look.at)
    prices = parse_prices(look.pricing, date=day, source="hetzner")
    for key, history in look_again(
        known, look.seen, prices, look.at, look.events, since=before.looked_at
    ).items():
        if history is not known.get(key):
            _put(connection, history)
    connection.execute("INSERT OR REPLACE INTO looks VALUES (?, ?)", (look.at, day))
    kept = json.dumps({"pricing": look.pricing["pricing"]})
    connection.execute("INSERT OR REPLACE INTO price_lists VALUES (?, ?)", (day, kept))


def change(folder: Path, histories: Sequence[History]) -> None:
    """Put other histories in the place of those with the same kind and id: somebody knows better."""
    with opened(folder) as connection:
        for each in histories:
            _put(connection, each)


def _put(connection: sqlite3.Connection, history: History) -> None:
    document = json.dumps(history_to_json(history), separators=(",", ":"))
    row = (*history.key, history.end, document)
    connection.execute("INSERT OR REPLACE INTO resources VALUES (?, ?, ?, ?)", row)


def _ledger(connection: sqlite3.Connection, since: int) -> Ledger:
    rows = connection.execute(
        "SELECT document FROM resources WHERE ended IS NULL OR ended >= ? ORDER BY kind, id", (since,)
    )
    histories = tuple(history_from_json(json.loads(document)) for (document,) in rows)
    (looked_at,) = connection.execute("SELECT max(at) FROM looks").fetchone()
    newest = connection.execute(
        "SELECT date, document FROM price_lists ORDER BY date DESC LIMIT 1"
    ).fetchone()
    prices = parse_prices(json.loads(newest[1]), date=newest[0], source="hetzner") if newest else None
    return Ledger(histories, looked_at, prices)


@contextmanager
def opened(folder: Path) -> Iterator[sqlite3.Connection]:
    """One transaction, alone with the file; a file that is none is named."""
    path = folder / NAME
    with file_errors(path):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    try:
        connection = sqlite3.connect(path, timeout=_WAIT_SECONDS, isolation_level=None)
        try:
            connection.execute("BEGIN IMMEDIATE")
            _prepare(connection, path)
            yield connection
            connection.execute("COMMIT")
        finally:
            connection.close()  # what is not committed is undone
    except (sqlite3.Error, ValueError, KeyError, TypeError) as error:
        message = f"the ledger {path} cannot be used: {error}"
        fix = f"mv {path} {path}.broken; prices at order are then those of the next look"
        raise KvxError(message, fix, ExitCode.INCOMPLETE) from None


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    (form,) = connection.execute("PRAGMA user_version").fetchone()
    if form > _FORM:
        message = f"{path} was written by a newer kvx"
        raise KvxError(message, "use that one, or another --folder", ExitCode.INCOMPLETE)
    for statement in filter(str.strip, _TABLES.split(";")):
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {_FORM}")
