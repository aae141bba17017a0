"""Everything that is remembered, in one SQLite file; a call is one transaction."""

import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Document = dict[str, Any]

SCHEMA = """
CREATE TABLE IF NOT EXISTS resources (
    kind TEXT NOT NULL, id INTEGER NOT NULL, name TEXT NOT NULL, document TEXT NOT NULL,
    PRIMARY KEY (kind, id), UNIQUE (kind, name)
);
CREATE TABLE IF NOT EXISTS actions (
    id INTEGER PRIMARY KEY, status TEXT NOT NULL, ends_at REAL, document TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS running ON actions (status, ends_at);
CREATE TABLE IF NOT EXISTS requests (number INTEGER PRIMARY KEY AUTOINCREMENT, document TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS remembered (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS metered (
    number INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, kind TEXT NOT NULL, id INTEGER NOT NULL,
    facts TEXT
);
CREATE INDEX IF NOT EXISTS metered_of ON metered (kind, id, number);
"""
REQUESTS_KEPT = 20_000


@dataclass(slots=True)
class Attempt:
    keeps: bool = True


class Store:
    """Resources, actions, the log of calls, and a few remembered values."""

    def __init__(self, path: Path) -> None:
        """sqlite3.OperationalError where another simulation holds the file, or it is none of ours."""
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        # One call at a time, whichever thread it comes from.
        self._connection = sqlite3.connect(path, isolation_level=None, timeout=1.0, check_same_thread=False)
        # With the write-ahead log a commit outlives the process at once; a power cut may cost the last ones.
        for pragma in ("locking_mode=EXCLUSIVE", "journal_mode=WAL", "synchronous=NORMAL"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.executescript(SCHEMA)
        self.now = 0.0
        """The time at which what is written happens."""
        self.watch: Callable[[str, int, Document | None], None] = lambda _kind, _number, _document: None
        """Told of every resource that is written, None where it is removed."""

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    @contextmanager
    def attempt(self) -> Iterator[Attempt]:
        """A part of a transaction that is undone alone: if it raises, or if it is not to be kept."""
        attempt = Attempt()
        self._connection.execute("SAVEPOINT attempt")
        try:
            yield attempt
        except BaseException:
            attempt.keeps = False
            raise
        finally:
            if not attempt.keeps:
                self._connection.execute("ROLLBACK TO attempt")
            self._connection.execute("RELEASE attempt")

    def all(self, kind: str) -> list[Document]:
        rows = self._connection.execute("SELECT document FROM resources WHERE kind = ? ORDER BY id", (kind,))
        return [json.loads(document) for (document,) in rows]

    def one(self, kind: str, number: int) -> Document | None:
        query = "SELECT document FROM resources WHERE kind = ? AND id = ?"
        row = self._connection.execute(query, (kind, number)).fetchone()
        return json.loads(row[0]) if row else None

    def named(self, kind: str, name: str) -> Document | None:
        query = "SELECT document FROM resources WHERE kind = ? AND name = ?"
        row = self._connection.execute(query, (kind, name)).fetchone()
        return json.loads(row[0]) if row else None

    def count(self, kind: str) -> int:
        query = "SELECT count(*) FROM resources WHERE kind = ?"
        return int(self._connection.execute(query, (kind,)).fetchone()[0])

    def put(self, kind: str, document: Document) -> None:
        self._connection.execute(
            "INSERT INTO resources VALUES (?, ?, ?, ?)"
            " ON CONFLICT (kind, id) DO UPDATE SET name = excluded.name, document = excluded.document",
            (kind, document["id"], document["name"], json.dumps(document)),
        )
        self.watch(kind, document["id"], document)

    def remove(self, kind: str, number: int) -> None:
        self._connection.execute("DELETE FROM resources WHERE kind = ? AND id = ?", (kind, number))
        self.watch(kind, number, None)

    def last_metered(self, kind: str, number: int) -> Document | None:
        query = "SELECT facts FROM metered WHERE kind = ? AND id = ? ORDER BY number DESC LIMIT 1"
        row = self._connection.execute(query, (kind, number)).fetchone()
        return json.loads(row[0]) if row and row[0] else None

    def meter(self, kind: str, number: int, facts: Document | None) -> None:
        row = (int(self.now), kind, number, None if facts is None else json.dumps(facts))
        self._connection.execute("INSERT INTO metered (at, kind, id, facts) VALUES (?, ?, ?, ?)", row)

    def metered(self) -> list[tuple[int, str, int, Document | None]]:
        """Every change of what is billed, in the order in which it happened."""
        rows = self._connection.execute("SELECT at, kind, id, facts FROM metered ORDER BY number")
        return [(at, kind, number, json.loads(facts) if facts else None) for at, kind, number, facts in rows]

    def next_number(self, counter: str, first: int) -> int:
        number = int(self.remembered(f"next {counter}") or first)
        self.remember(f"next {counter}", str(number + 1))
        return number

    def skip_numbers(self, counter: str, first: int, count: int) -> None:
        for _ in range(count):
            self.next_number(counter, first)

    def put_action(self, document: Document) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO actions VALUES (?, ?, ?, ?)",
            (document["id"], document["status"], document["ends_at"], json.dumps(document)),
        )

    def action(self, number: int) -> Document | None:
        row = self._connection.execute("SELECT document FROM actions WHERE id = ?", (number,)).fetchone()
        return json.loads(row[0]) if row else None

    def actions(self) -> list[Document]:
        rows = self._connection.execute("SELECT document FROM actions ORDER BY id")
        return [json.loads(document) for (document,) in rows]

    def running_actions(self, due_at: float | None = None) -> list[Document]:
        """Those that are running; with `due_at` only those whose time has come by then, in that order."""
        query = "SELECT document FROM actions WHERE status = 'running'"
        arguments: tuple[float, ...] = ()
        if due_at is not None:
            query, arguments = f"{query} AND ends_at <= ?", (due_at,)
        rows = self._connection.execute(f"{query} ORDER BY ends_at, id", arguments)
        return [json.loads(document) for (document,) in rows]

    def log(self, entry: Document) -> None:
        cursor = self._connection.execute("INSERT INTO requests (document) VALUES (?)", (json.dumps(entry),))
        oldest = (cursor.lastrowid or 0) - REQUESTS_KEPT
        self._connection.execute("DELETE FROM requests WHERE number <= ?", (oldest,))

    def requests(self) -> list[Document]:
        rows = self._connection.execute("SELECT number, document FROM requests ORDER BY number")
        return [{"number": number, **json.loads(document)} for number, document in rows]

    def remember(self, name: str, value: str) -> None:
        self._connection.execute("INSERT OR REPLACE INTO remembered VALUES (?, ?)", (name, value))

    def remembered(self, name: str) -> str | None:
        row = self._connection.execute("SELECT value FROM remembered WHERE name = ?", (name,)).fetchone()
        return str(row[0]) if row else None

    def close(self) -> None:
        self._connection.close()
