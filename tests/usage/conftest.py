"""A ledger in each of the databases it may be in, and a clock that a test sets."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from voice_api.usage.ledger import Budgets, Ledger
from voice_api.usage.store import SqlStore, postgresql_engine, sqlite_engine


@dataclass
class Clock:
    """Milliseconds since 1970; a test moves it as it likes."""

    now: int = 1_795_262_400_000  # 2026-11-21 12:00 UTC

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("postgresql"))])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a ledger may be: a file's path, or an address."""
    if request.param == "sqlite":
        return str(tmp_path / "usage.sqlite")
    address: str = request.getfixturevalue("postgresql")
    return address


def store_in(database: str, wait_seconds: float = 30) -> SqlStore:
    if database.startswith("postgresql"):
        return SqlStore(postgresql_engine(database, wait_seconds), wait_seconds)
    return SqlStore(sqlite_engine(Path(database), wait_seconds), wait_seconds)


@pytest.fixture
def stores(database: str, request: pytest.FixtureRequest) -> Callable[[], SqlStore]:
    """The same store, opened by one process more each time."""

    def open_store() -> SqlStore:
        store = store_in(database)
        request.addfinalizer(store.close)
        return store

    return open_store


@pytest.fixture
def ledger_with(database: str, clock: Clock, request: pytest.FixtureRequest) -> Callable[[Budgets], Ledger]:
    """A ledger with budgets, on the clock of the test; made twice, it is the same ledger."""

    def open_ledger(budgets: Budgets) -> Ledger:
        store = store_in(database)
        request.addfinalizer(store.close)
        return Ledger(store, budgets, clock)

    return open_ledger
