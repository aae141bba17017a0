"""The ledger's lines in SQL, within one transaction."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, func, insert, or_, select, update

from voice_api.usage.amounts import Amounts, Unit
from voice_api.usage.budgets import Budget, Counted
from voice_api.usage.entries import Entry
from voice_api.usage.folding import Fold, folded_sum, folded_sums, forget, write
from voice_api.usage.sums import Sum, added
from voice_api.usage.tables import EXHAUSTED, LINES, QUARTER_MILLISECONDS, TIME, UNITS

C = LINES.c


class SqlPages:
    """Pages over one connection, whose transaction somebody else ends."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def latest_at(self) -> int:
        return int(self._connection.execute(select(TIME.c.latest_at)).scalar_one())

    def note_time(self, at: int) -> None:
        self._connection.execute(update(TIME).values(latest_at=at))

    def exhausted_until(self, engine: str) -> int:
        asked = select(EXHAUSTED.c.until).where(EXHAUSTED.c.engine == engine)
        return int(self._connection.execute(asked).scalar() or 0)

    def exhaust(self, engine: str, until: int) -> None:
        self._connection.execute(delete(EXHAUSTED).where(EXHAUSTED.c.engine == engine))
        self._connection.execute(insert(EXHAUSTED).values(engine=engine, until=until))

    def last(self, idempotency_key: str) -> Entry | None:
        asked = select(LINES).where(C.idempotency_key == idempotency_key).order_by(C.attempt.desc()).limit(1)
        row = self._connection.execute(asked).one_or_none()
        return _entry(row) if row else None

    def again(self, entry: Entry) -> Entry | None:
        row = self._connection.execute(select(LINES).where(_is(entry))).one_or_none()
        return _entry(row) if row else None

    def add(self, entry: Entry) -> None:
        self._connection.execute(insert(LINES).values(_columns(entry)))

    def change(self, entry: Entry) -> None:
        self._connection.execute(update(LINES).where(_is(entry)).values(_columns(entry)))

    def used(self, budget: Budget, since: int, now: int) -> int:
        counted = _counted(budget.unit)
        asked = select(func.coalesce(func.sum(counted), 0))
        asked = asked.where(C.over_at >= since, ~_lapsed(now), *_whose(budget))
        return int(self._connection.execute(asked).scalar_one()) + folded_sum(self._connection, budget, since)

    def held(self, budget: Budget, now: int) -> int:
        asked = select(func.coalesce(func.sum(_counted(budget.unit)), 0))
        asked = asked.where(C.state.in_(("held", "sent")), C.expires_at > now, *_whose(budget))
        return int(self._connection.execute(asked).scalar_one())

    def under_way(self, budget: Budget, now: int) -> int:
        asked = select(func.count()).where(C.state.in_(("held", "sent")), C.expires_at > now)
        return int(self._connection.execute(asked.where(*_whose(budget))).scalar_one())

    def sums(self, since: int, until: int, now: int) -> tuple[Sum, ...]:
        counted = [func.sum(C[f"counted_{unit}"]) for unit in UNITS]
        asked = select(C.engine, C.caller, *counted).where(C.over_at >= since, C.over_at < until)
        asked = asked.where(~_lapsed(now)).group_by(C.engine, C.caller)
        rows = [tuple(row) for row in self._connection.execute(asked)]
        return added(rows + folded_sums(self._connection, since, until))

    def fold(self, before: int, most: int) -> int:
        asked = select(LINES).where(C.over_at < before).order_by(C.over_at).limit(most)
        rows = self._connection.execute(asked).all()
        write(self._connection, [fold for row in rows if (fold := _fold(row)) is not None])
        self._connection.execute(delete(LINES).where(C.id.in_([row.id for row in rows])))
        return len(rows)

    def forget(self, before: int) -> None:
        forget(self._connection, before)

    def events(self, budget: Budget, since: int, now: int) -> tuple[Counted, ...]:
        counted = _counted(budget.unit)
        held = and_(C.state == "held", C.expires_at > now)
        gone = and_(C.state != "held", C.at > since)
        asked = select(C.state, C.at, counted).where(or_(held, gone), counted > 0, *_whose(budget))
        rows = self._connection.execute(asked).all()
        events = (Counted(now if state == "held" else int(at), int(amount)) for state, at, amount in rows)
        return tuple(sorted(events, key=lambda event: event.at))


def _is(entry: Entry) -> ColumnElement[bool]:
    return and_(C.idempotency_key == entry.idempotency_key, C.attempt == entry.attempt)


def _counted(unit: Unit) -> ColumnElement[int]:
    return C[f"counted_{unit.value}"]


def _lapsed(now: int) -> ColumnElement[bool]:
    return and_(C.state == "held", C.expires_at <= now)


def _whose(budget: Budget) -> Sequence[ColumnElement[bool]]:
    of_engine = [C.engine == budget.engine] if budget.engine is not None else []
    of_caller = [C.caller == budget.caller] if budget.caller is not None else []
    return [*of_engine, *of_caller]


def _fold(row: Row[Any]) -> Fold | None:
    """What a line that is over adds; None where it was held and never sent."""
    entry = _entry(row)
    if entry.state == "held":
        return None
    quarter = entry.over_at - entry.over_at % QUARTER_MILLISECONDS
    return Fold(entry.engine, entry.caller, quarter, entry.counted)


def _columns(entry: Entry) -> dict[str, str | int]:
    return {
        "idempotency_key": entry.idempotency_key,
        "attempt": entry.attempt,
        "engine": entry.engine,
        "caller": entry.caller,
        "state": entry.state,
        **{f"held_{unit.value}": entry.held.of(unit) for unit in Unit},
        **{f"counted_{unit.value}": entry.counted.of(unit) for unit in Unit},
        "at": entry.at,
        "expires_at": entry.expires_at,
        "over_at": entry.over_at,
    }


def _entry(row: Row[Any]) -> Entry:
    values = row._mapping
    return Entry(
        idempotency_key=values["idempotency_key"],
        attempt=values["attempt"],
        engine=values["engine"],
        caller=values["caller"],
        state=values["state"],
        held=Amounts(**{unit: values[f"held_{unit}"] for unit in UNITS}),
        counted=Amounts(**{unit: values[f"counted_{unit}"] for unit in UNITS}),
        at=values["at"],
        expires_at=values["expires_at"],
        over_at=values["over_at"],
    )
