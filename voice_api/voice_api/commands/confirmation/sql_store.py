"""Where questions wait for every replica of a service: a table in SQLite or PostgreSQL."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from sqlalchemy import (
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
    insert,
    select,
    update,
)
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from voice_api.commands.confirmation.pending import Bound, Pending, Speaker, State, Target, canonical
from voice_api.commands.registry.declaring import Confirmation
from voice_api.errors import VoiceApiError

# Settled questions are kept for a while: a second use has to show.
KEPT_SECONDS = 3_600.0
METADATA = MetaData()
PENDINGS = Table(
    "command_pendings",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("speaker", String(200), nullable=False),
    Column("session", String(200), nullable=False),
    Column("staged", Float(53), nullable=False),
    Column("content", Text, nullable=False),
    Index("command_pendings_session", "speaker", "session"),
    Index("command_pendings_staged", "staged"),
)


class SqlPendings:
    """As PendingStore says. VoiceApiError 503 where the database does not answer: nothing is settled then."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        with self._transaction() as connection:
            METADATA.create_all(connection)

    def add(self, pending: Pending) -> None:
        by = pending.bound.speaker
        row = {"id": pending.id, "speaker": by.user, "session": by.session, "staged": pending.staged}
        with self._transaction() as connection:
            connection.execute(delete(PENDINGS).where(PENDINGS.c.staged < pending.staged - KEPT_SECONDS))
            try:
                connection.execute(insert(PENDINGS).values(**row, content=written(pending)))
            except IntegrityError:
                raise ValueError("an id is never given twice") from None

    def with_id(self, identifier: str) -> Pending | None:
        with self._transaction() as connection:
            chosen = select(PENDINGS.c.content).where(PENDINGS.c.id == identifier)
            found = connection.execute(chosen).scalar()
        return None if found is None else read(found)

    def of_session(self, user: str, session: str) -> Sequence[Pending]:
        mine = (PENDINGS.c.speaker == user) & (PENDINGS.c.session == session)
        chosen = select(PENDINGS.c.content).where(mine).order_by(PENDINGS.c.staged)
        with self._transaction() as connection:
            return tuple(read(each) for each in connection.execute(chosen).scalars())

    def exchange(self, before: Pending, after: Pending) -> bool:
        """One statement that compares and sets: of two replicas, one changes a row and the other none."""
        as_it_was = (PENDINGS.c.id == before.id) & (PENDINGS.c.content == written(before))
        with self._transaction() as connection:
            done = connection.execute(update(PENDINGS).where(as_it_was).values(content=written(after)))
        return done.rowcount == 1

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        try:
            with self._engine.begin() as connection:
                yield connection
        except (DBAPIError, PoolTimeoutError) as error:
            what = type(error).__name__
            raise VoiceApiError(
                "pendings_unavailable",
                f"What waits for an answer cannot be reached ({what}), so I change nothing.",
                "Look at the database that the service's settings name.",
                503,
            ) from None


def written(pending: Pending) -> str:
    """The same text for the same question."""
    return canonical(asdict(pending))


def read(text: str) -> Pending:
    content: dict[str, Any] = json.loads(text)
    bound = content.pop("bound")
    target, speaker = Target(**bound.pop("target")), Speaker(**bound.pop("speaker"))
    state, confirmation = State(content.pop("state")), Confirmation(content.pop("confirmation"))
    return Pending(
        **content,
        bound=Bound(**bound, target=target, speaker=speaker),
        state=state,
        confirmation=confirmation,
    )
