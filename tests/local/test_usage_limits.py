"""What kvx usage makes of what it is told: when a limit is reached, and what was heard without engines."""

from typing import Any

import pytest

from kvx.commands.usage_lines import NOBODY, lines_of, reached

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


def test_without_engines_what_was_heard_and_spoken_here_is_told_all_the_same() -> None:
    sound = {"milliseconds": 90_000, "spoken_milliseconds": 30_000, "characters": 0, "microeuros": 0}
    row = {"engine": "local", "requests": 3, **sound}
    document = {"month": "2026-11", "engines": [], "budgets": [], "by_engine": [row]}
    page = lines_of({**document, "by_key": [{"key": "ann", **row}]}, None)
    assert page[0] == NOBODY
    rows = [line.split() for line in page]
    assert ["local", "3", "1.50", "0.50", "0", "0.0000"] in rows
    assert ["ann", "local", "3", "1.50", "0.50", "0", "0.0000"] in rows
