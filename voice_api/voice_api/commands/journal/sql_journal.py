"""The journal in a database: one chain that every replica of a service writes, and the words beside it."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Float,
    Index,
    MetaData,
    String,
    Table,
    Text,
    delete,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.exc import SQLAlchemyError

from voice_api.commands.journal.chain import Broken, Head, head_of, record_of, sealed, verified
from voice_api.commands.journal.file import journal_failure
from voice_api.commands.journal.words import Said, not_kept
from voice_api.errors import VoiceApiError

PAGE = 1_000
VERIFIED_AT_START = 5_000
MAKES_TABLES = 7_562_020
"""The number of the lock in PostgreSQL; the ledger of the engines has another one."""
FIX = "Look at the database that ledger_address_file names."
BROKEN = "Keep the table command_journal for whoever looks into it, and name another database."
METADATA = MetaData()
LINES = Table(
    "command_journal",
    METADATA,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("line", Text, nullable=False),
)
# One row: whoever changes it is the one who writes, until the transaction ends.
HEAD = Table(
    "command_journal_head",
    METADATA,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False),
    Column("seal", String(64), nullable=False),
)
WORDS = Table(
    "command_words",
    METADATA,
    Column("commitment", String(64), primary_key=True),
    Column("salt", String(64), nullable=False),
    Column("text", Text, nullable=False),
    Column("at", Float(53), nullable=False),
    Index("command_words_at", "at"),
)


class SqlJournal:
    """Appends records, one writer at a time among all processes. VoiceApiError where that cannot be."""

    def __init__(self, engine: Engine, key: bytes) -> None:
        self._engine, self._key = engine, key
        self._lock = threading.Lock()
        with _transaction(engine) as connection:
            _prepare(connection)
        self._head = self._checked()

    @property
    def head(self) -> Head:
        """The head that this process wrote last, or found when it began."""
        with self._lock:
            return self._head

    def append(self, record: Mapping[str, Any], *, lasting: bool = True) -> Head:  # noqa: ARG002
        """Write one record, and return when it is committed; VoiceApiError where it is not: no act then."""
        with self._lock:
            with _transaction(self._engine) as connection:
                connection.execute(update(HEAD).values(number=HEAD.c.number + 1))
                number, seal = connection.execute(select(HEAD.c.number, HEAD.c.seal)).one()
                line, head = sealed(Head(number - 1, seal), record, self._key)
                connection.execute(insert(LINES).values(number=head.number, line=line))
                connection.execute(update(HEAD).values(seal=head.seal))
            self._head = head
            return head

    def settle(self) -> Head:
        """As `head`: what is appended is committed."""
        return self.head

    def after(self, number: int) -> Iterator[tuple[int, dict[str, Any]]]:
        """What was written after that record, by whichever replica, with the numbers."""
        for at, line in _lines(self._engine, number):
            yield at, record_of(line)

    def close(self) -> None:
        self._engine.dispose()

    def _checked(self) -> Head:
        """The head, if the newest records lead to it: all of them is what `audit verify` is for."""
        with _transaction(self._engine) as connection:
            number, seal = connection.execute(select(HEAD.c.number, HEAD.c.seal)).one()
        begin = max(0, number - VERIFIED_AT_START)
        start = self._head_at(begin)
        newest = (line for at, line in _lines(self._engine, begin) if at <= number)
        verdict = verified(newest, self._key, start)
        if isinstance(verdict, Broken):
            raise journal_failure(f"its record {begin + verdict.line} is broken: {verdict.why}", BROKEN)
        if verdict != Head(number, seal):
            raise journal_failure("its end is missing", BROKEN)
        return verdict

    def _head_at(self, number: int) -> Head:
        if number == 0:
            return Head()
        with _transaction(self._engine) as connection:
            line = connection.execute(select(LINES.c.line).where(LINES.c.number == number)).scalar()
        return head_of(line) if line else Head()


class SqlWords:
    """As Words says, in a table beside the chain."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def keep(self, said: Said) -> None:
        row = {"commitment": said.commitment, "salt": said.salt, "text": said.text, "at": said.at}
        with _of_words(self._engine) as connection:
            connection.execute(insert(WORDS).values(**row))

    def forget(self, before: float) -> int:
        with _of_words(self._engine) as connection:
            return connection.execute(delete(WORDS).where(WORDS.c.at < before)).rowcount

    def all(self) -> Iterator[Said]:
        with _of_words(self._engine) as connection:
            chosen = select(WORDS.c.commitment, WORDS.c.salt, WORDS.c.text, WORDS.c.at).order_by(WORDS.c.at)
            found = connection.execute(chosen).all()
        yield from (Said(*row) for row in found)


def sql_lines(engine: Engine) -> Iterator[str]:
    """Every line of the chain, the oldest first."""
    yield from (line for _, line in _lines(engine, 0))


def last_sql_records(engine: Engine, most: int) -> tuple[dict[str, Any], ...]:
    """The newest records, the oldest of them first."""
    with _transaction(engine) as connection:
        number = connection.execute(select(func.max(LINES.c.number))).scalar() or 0
    return tuple(record_of(line) for _, line in _lines(engine, max(0, number - most)))


def _lines(engine: Engine, after: int) -> Iterator[tuple[int, str]]:
    """Page by page: no replica waits for somebody who reads."""
    while True:
        chosen = select(LINES.c.number, LINES.c.line).where(LINES.c.number > after)
        with _transaction(engine) as connection:
            page = connection.execute(chosen.order_by(LINES.c.number).limit(PAGE)).all()
        yield from ((number, line) for number, line in page)
        if len(page) < PAGE:
            return
        after = page[-1][0]


def _prepare(connection: Connection) -> None:
    """Tables and the one row, made by one of the replicas that begin at the same time."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": MAKES_TABLES})
    METADATA.create_all(connection)
    if connection.execute(select(HEAD.c.id)).first() is None:
        connection.execute(insert(HEAD).values(id=1, number=Head().number, seal=Head().seal))


@contextmanager
def _transaction(engine: Engine) -> Iterator[Connection]:
    try:
        with engine.begin() as connection:
            yield connection
    except SQLAlchemyError as error:
        raise journal_failure(f"its database does not take it ({type(error).__name__})", FIX) from None


@contextmanager
def _of_words(engine: Engine) -> Iterator[Connection]:
    try:
        with _transaction(engine) as connection:
            yield connection
    except VoiceApiError as error:
        raise not_kept(error.message) from None
