"""Where the ledger's lines are: an SQLite file for one machine, PostgreSQL for several."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event, insert, select, text, update
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import ConnectionPoolEntry

from voice_api.errors import VoiceApiError
from voice_api.usage.pages import SqlPages
from voice_api.usage.sound import SqlSounds
from voice_api.usage.tables import METADATA, TIME, VERSION

WAIT_SECONDS = 5.0
UNFOLDED_VERSION = 1
ONE_WRITER = 7_562_019
"""The number of the lock that every writer of a ledger in PostgreSQL takes."""


class SqlStore:
    """One writer at a time in this process, and one at a time among all processes.

    wait_seconds  how long to wait for the others; then VoiceApiError 503
    """

    def __init__(self, engine: Engine, wait_seconds: float = WAIT_SECONDS) -> None:
        self._engine = engine
        self._wait_seconds = wait_seconds
        self._turn = threading.Lock()
        with self._transaction() as connection:
            _prepare(connection)

    @contextmanager
    def writing(self) -> Iterator[SqlPages]:
        with self._transaction() as connection:
            yield SqlPages(connection)

    @contextmanager
    def sounds(self) -> Iterator[SqlSounds]:
        """The same for sound, which costs nothing by itself."""
        with self._transaction() as connection:
            yield SqlSounds(connection)

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        if not self._turn.acquire(timeout=self._wait_seconds):
            raise unavailable("others write to it")
        try:
            with self._engine.begin() as connection:
                if connection.dialect.name == "postgresql":
                    connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": ONE_WRITER})
                yield connection
        except (IntegrityError, ProgrammingError):
            raise
        except DBAPIError as error:
            raise unavailable(type(error.orig).__name__) from None
        except PoolTimeoutError:
            raise unavailable("no connection is free") from None
        finally:
            self._turn.release()


def sqlite_engine(file: Path, wait_seconds: float = WAIT_SECONDS) -> Engine:
    """For a ledger in a file that only this user reads; what is committed outlives a loss of power."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
    except OSError as error:
        raise unavailable(f"{file}: {error.strerror}") from None
    waits = {"timeout": wait_seconds, "check_same_thread": False}
    engine = create_engine(
        URL.create("sqlite+pysqlite", database=str(file)), pool_size=1, max_overflow=0, connect_args=waits
    )

    @event.listens_for(engine, "connect")
    def durable(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # BEGIN is ours: the driver's own would only read at first
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.close()

    @event.listens_for(engine, "begin")
    def at_once(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def postgresql_engine(address: str, wait_seconds: float = WAIT_SECONDS) -> Engine:
    """For a ledger that several machines write; the address may hold a password, and is never told."""
    try:
        url = make_url(address).set(drivername="postgresql+psycopg")
    except (ArgumentError, ValueError):
        raise unavailable("its address is none, such as postgresql://user@host/database") from None
    milliseconds = round(wait_seconds * 1000)
    limits = f"-c lock_timeout={milliseconds} -c statement_timeout={milliseconds} -c synchronous_commit=on"
    return create_engine(
        url,
        pool_size=1,
        max_overflow=0,
        pool_pre_ping=True,
        pool_timeout=wait_seconds,
        connect_args={
            "connect_timeout": max(2, round(wait_seconds)),
            "tcp_user_timeout": milliseconds,
            "options": limits,
        },
    )


def shared_engine(address_file: Path) -> Engine:
    """The database whose address lies in a file, as a mounted Secret does."""
    try:
        address = address_file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise unavailable(f"ledger_address_file cannot be read: {type(error).__name__}") from None
    return postgresql_engine(address)


def unavailable(why: str) -> VoiceApiError:
    """The ledger cannot be written: nothing may be spent, and what costs nothing goes on."""
    return VoiceApiError(
        "ledger_unavailable",
        f"the usage ledger cannot be written ({why})",
        "see that its file or database is there and has room; the local engine answers meanwhile",
        503,
        retry_after_seconds=5,
    )


def _prepare(connection: Connection) -> None:
    METADATA.create_all(connection)
    version = connection.execute(select(TIME.c.version)).scalar()
    if version is None:
        connection.execute(insert(TIME).values(version=VERSION, latest_at=0))
    elif version == UNFOLDED_VERSION:  # it lacks a table only, which is there by now
        connection.execute(update(TIME).values(version=VERSION))
    elif version != VERSION:
        raise unavailable(f"it has version {version}, and this voice-api writes {VERSION}")
