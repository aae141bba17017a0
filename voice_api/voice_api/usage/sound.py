"""Sound in SQL: how much was heard and spoken, by which engine and for whom, in each quarter of an hour."""

from collections.abc import Iterable

from sqlalchemy import Connection, and_, delete, func, insert, select, update

from voice_api.usage.counting import Sounds
from voice_api.usage.tables import QUARTER_MILLISECONDS, SOUND

C = SOUND.c
AMOUNTS = ("number", "heard_milliseconds", "spoken_milliseconds")


class SqlSounds:
    """Over one connection, whose transaction somebody else ends."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, sounds: Iterable[Sounds], at: int) -> None:
        """To what is there of the quarter in which `at` lies."""
        quarter = at - at % QUARTER_MILLISECONDS
        for each in sounds:
            own = and_(C.engine == each.engine, C.caller == each.caller, C.quarter == quarter)
            amounts = {name: getattr(each, name) for name in AMOUNTS}
            raised = {name: C[name] + amount for name, amount in amounts.items()}
            if not self._connection.execute(update(SOUND).where(own).values(raised)).rowcount:
                names = {"engine": each.engine, "caller": each.caller, "quarter": quarter}
                self._connection.execute(insert(SOUND).values(**names, **amounts))

    def sums(self, since: int, until: int) -> tuple[Sounds, ...]:
        """Of the quarters that began within that time, by engine and caller."""
        added = [func.sum(C[name]) for name in AMOUNTS]
        asked = select(C.engine, C.caller, *added).where(C.quarter >= since, C.quarter < until)
        rows = self._connection.execute(asked.group_by(C.engine, C.caller).order_by(C.engine, C.caller))
        return tuple(Sounds(str(row[0]), str(row[1]), *(int(amount) for amount in row[2:])) for row in rows)

    def forget(self, before: int) -> None:
        self._connection.execute(delete(SOUND).where(C.quarter < before))
