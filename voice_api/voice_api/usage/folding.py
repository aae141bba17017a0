"""Old lines in SQL, folded: what was used in a quarter of an hour, without who asked with which key."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, and_, delete, func, insert, select, update

from voice_api.usage.amounts import Amounts, Unit
from voice_api.usage.budgets import Budget
from voice_api.usage.tables import FOLDED, UNITS

C = FOLDED.c


@dataclass(frozen=True, slots=True)
class Fold:
    """What a line adds to its quarter, which is named by its beginning."""

    engine: str
    caller: str
    quarter: int
    amounts: Amounts


def write(connection: Connection, folds: Sequence[Fold]) -> None:
    """Add to what is there already."""
    for fold in folds:
        own = and_(C.engine == fold.engine, C.caller == fold.caller, C.quarter == fold.quarter)
        more = {unit.value: fold.amounts.of(unit) for unit in Unit}
        raised = {f"counted_{unit}": C[f"counted_{unit}"] + amount for unit, amount in more.items()}
        if not connection.execute(update(FOLDED).where(own).values(raised)).rowcount:
            names = {"engine": fold.engine, "caller": fold.caller, "quarter": fold.quarter}
            amounts = {f"counted_{unit}": amount for unit, amount in more.items()}
            connection.execute(insert(FOLDED).values(**names, **amounts))


def folded_sum(connection: Connection, budget: Budget, since: int) -> int:
    """What counts against a budget of the quarters from then on."""
    asked = select(func.coalesce(func.sum(C[f"counted_{budget.unit.value}"]), 0)).where(C.quarter >= since)
    if budget.engine is not None:
        asked = asked.where(C.engine == budget.engine)
    if budget.caller is not None:
        asked = asked.where(C.caller == budget.caller)
    return int(connection.execute(asked).scalar_one())


def folded_sums(connection: Connection, since: int, until: int) -> list[tuple[object, ...]]:
    """Engine, caller and amounts of the quarters that began within that time."""
    counted = [func.sum(C[f"counted_{unit}"]) for unit in UNITS]
    asked = select(C.engine, C.caller, *counted).where(C.quarter >= since, C.quarter < until)
    return [tuple(row) for row in connection.execute(asked.group_by(C.engine, C.caller))]


def forget(connection: Connection, before: int) -> None:
    connection.execute(delete(FOLDED).where(C.quarter < before))
