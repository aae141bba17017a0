"""When kvx usage says that a limit is reached: by a budget, or by the engine's own word."""

from typing import Any

import pytest

from kvx.commands.usage_lines import reached

LATER = "2026-12-01T00:00:00Z"


def told(left: int, state: str = "ready", window: str = "month", limit: int = 600_000) -> dict[str, Any]:
    budget = {"name": "hume minutes", "window": window, "limit": limit, "left": left, "resets_at": LATER}
    until = LATER if state == "exhausted" else None
    return {"budgets": [budget], "engines": [{"name": "hume", "state": state, "until": until}]}


@pytest.mark.parametrize(
    ("document", "names"),
    [
        (told(1), []),
        (told(0), ["hume minutes"]),
        (told(0, window="minute"), []),
        (told(0, limit=0), []),
        (told(1, "exhausted"), ["hume, as it says itself"]),
        (told(0, "exhausted"), ["hume minutes", "hume, as it says itself"]),
        (told(1, "resting"), []),
    ],
)
def test_a_limit_is_reached_by_a_month_or_by_the_engines_own_word(
    document: dict[str, Any], names: list[str]
) -> None:
    found = reached(document)
    assert [each.name for each in found] == names
    assert {each.until for each in found} <= {LATER}


def test_what_an_engine_says_itself_is_raised_by_nobody_here() -> None:
    assert [each.raisable for each in reached(told(0, "exhausted"))] == [True, False]
