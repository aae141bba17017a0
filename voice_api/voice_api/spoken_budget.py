"""Answers what is left of cloud engines, in a sentence."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from voice_api.cluster.protocol import Cluster
from voice_api.commands.answers.attached import ANSWERS
from voice_api.commands.conversation.place import Answerer, Parts, Place
from voice_api.commands.functions import Answer
from voice_api.commands.language.understand import Interpreter
from voice_api.commands.registry.declaring import Call
from voice_api.engines.elsewhere import Elsewhere
from voice_api.engines.standing import Standing, standings
from voice_api.usage.amounts import Unit

MakesParts = Callable[[Interpreter, Place], Parts]
MOST_SPOKEN = 3


def knowing_budgets(parts: MakesParts | None, elsewhere: Elsewhere) -> MakesParts | None:
    """The same conversation, which knows besides what is left; unchanged where nothing costs anything."""
    if not elsewhere.engines:
        return parts

    def made(interpreter: Interpreter, here: Place) -> Parts:
        before = parts(interpreter, here) if parts else Parts(interpreter, ANSWERS, here)
        return replace(before, facts={**before.facts, "budget": budget_answer(elsewhere)})

    return made


def budget_answer(elsewhere: Elsewhere) -> Answerer:
    """VoiceApiError 503 without a ledger."""

    def answer(_: Cluster, __: Call) -> Answer:
        months = [each for each in standings(elsewhere) if each.window == "month" and each.key is None]
        nearest = sorted(months, key=lambda each: -_part(each))[:MOST_SPOKEN]
        data = {
            "budgets": [{"engine": each.engine, "unit": each.unit, "left": _left(each)} for each in months]
        }
        return Answer(" ".join(map(_sentence, nearest)) or "No engine has a budget.", data)

    return answer


def _part(standing: Standing) -> float:
    use = standing.outlook.use
    return use.used / use.budget.most if use.budget.most else 1.0


def _left(standing: Standing) -> int:
    return standing.outlook.use.left


def _sentence(standing: Standing) -> str:
    use, runway = standing.outlook.use, standing.outlook.runway
    words = _amount(use.budget.unit, use.budget.most)
    if not use.left:
        until = f" until {_day(runway.resets_at)}" if runway else ""
        return f"All {words} of {standing.engine} are used{until}."
    left = _amount(use.budget.unit, use.left)
    empty = runway.empty_at if runway else None
    lasting = f"at today's pace until {_day(empty)}" if empty is not None else "until they begin anew"
    return f"Of {words} of {standing.engine}, {left} are left, {lasting}."


def _amount(unit: Unit, amount: int) -> str:
    match unit:
        case Unit.MILLISECONDS:
            return f"{amount / 60_000:.3g} minutes"
        case Unit.MICROEUROS:
            return f"{amount / 1_000_000:.2f} euros"
        case _:
            return f"{amount} {unit.value}"


def _day(milliseconds: int) -> str:
    at = datetime.fromtimestamp(milliseconds // 1000, UTC)
    return f"{at.day} {at:%B}"
