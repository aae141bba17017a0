"""What cloud engines were used for and what is left of them, in lines for a person."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from kvx.commands.table import Table

HEAD = ("budget", "used", "open", "left", "of", "", "begins anew (UTC)", "lasts")
SUMS = ("requests", "minutes heard", "minutes spoken", "characters", "euros")
NOBODY = "no cloud engine is set: all is heard and spoken here (docs/engines.md)"
STATES = {
    "ready": "ready",
    "busy": "as busy as it may be",
    "resting": "left alone for a while, because it failed",
    "exhausted": "used up, as it says itself",
    "local_only": "not asked: local_only is set",
    "no_key": "without a key",
}

Document = Mapping[str, Any]


def lines_of(told: Document, width: int | None) -> list[str]:
    """The page of numbers; what was heard and spoken here is counted as well, and bound by nothing."""
    lines = [f"engine    {each['name']}: {_state(each)}" for each in told["engines"]] or [NOBODY]
    if told["budgets"]:
        lines += ["", *Table(HEAD, [_budget(each) for each in told["budgets"]], len(HEAD), width).lines]
    for title, rows in (("engine", told["by_engine"]), ("key", told["by_key"])):
        lines += ["", *_sums(title, told["month"], rows, width)]
    return lines


@dataclass(frozen=True, slots=True)
class Reached:
    """A limit: a budget's, or an engine's own, which nobody here can raise."""

    name: str
    until: str
    raisable: bool


def reached(told: Document) -> tuple[Reached, ...]:
    """The budgets of which nothing is left, but for those of a minute, which come back by themselves; and
    the engines that say themselves that there is no more."""
    budgets = (each for each in told["budgets"] if each["window"] == "month" and each["limit"])
    gone = (Reached(each["name"], each["resets_at"], True) for each in budgets if not each["left"])
    said = (each for each in told["engines"] if each["state"] == "exhausted")
    return (*gone, *(Reached(f"{each['name']}, as it says itself", each["until"], False) for each in said))


def least_left(told: Document | None) -> dict[str, int | None]:
    """Of all engines and keys the least, in whole seconds of sound and in requests; for programs."""
    budgets = told["budgets"] if told else ()

    def least(unit: str) -> int | None:
        return min((int(each["left"]) for each in budgets if each["unit"] == unit), default=None)

    left = least("milliseconds")
    return {"seconds_left": None if left is None else left // 1000, "requests_left": least("requests")}


def in_a_line(told: Document) -> str:
    """For `kvx status`: what is nearest to its end, or that it has come to it."""
    if not told["engines"]:
        return f"none: {NOBODY}"
    if told["local_only"]:
        return "local_only: no engine elsewhere is asked"
    return "; ".join(_of_engine(each, told["budgets"]) for each in told["engines"])


def _of_engine(engine: Document, budgets: Sequence[Document]) -> str:
    own = [each for each in budgets if each["engine"] == engine["name"] and each["window"] == "month"]
    nearest = max(own, key=lambda each: each["percent"], default=None)
    if engine["state"] == "exhausted":
        return f"{engine['name']}: limit reached, it is used up until {_time(engine['until'])}; local answers"
    if nearest is None:
        return f"{engine['name']}: {_state(engine)}"
    if not nearest["left"]:
        until = _time(nearest["resets_at"])
        return f"{nearest['name']}: limit reached, until {until}; local answers"
    left, most = _amount(nearest, "left"), _amount(nearest, "limit")
    return f"{nearest['name']}: {left} of {most} left, lasts {_lasts(nearest)}; {_state(engine)}"


def _state(engine: Document) -> str:
    until = f" until {_time(engine['until'])}" if engine["until"] else ""
    return f"{STATES.get(engine['state'], engine['state'])}{until}"


def _budget(each: Document) -> tuple[str, ...]:
    left = _amount(each, "left") if each["left"] else "limit reached"
    amounts = (_amount(each, "used"), _amount(each, "held"), left, _amount(each, "limit"))
    resets = _time(each["resets_at"]) if each["resets_at"] else "a minute later"
    return (each["name"], *amounts, f"{each['percent']} %", resets, _lasts(each))


def _lasts(each: Document) -> str:
    if each["window"] != "month":
        return ""
    if not each["left"]:
        return "no longer"
    return f"until {_time(each['empty_at'])} at today's pace" if each["empty_at"] else "until it begins anew"


def _sums(title: str, month: str, rows: Sequence[Document], width: int | None) -> list[str]:
    head = (title, *(("engine",) if title == "key" else ()), *SUMS)
    cells = [(*_names(title, each), *_told(each)) for each in rows]
    if not cells:
        return [f"by {title}: nothing in {month}"]
    return [f"by {title}, in {month} (UTC)", *Table(head, cells, len(head), width).lines]


def _names(title: str, each: Document) -> Iterator[str]:
    if title == "key":
        yield str(each["key"])
    yield str(each["engine"])


def _told(each: Document) -> tuple[str, ...]:
    heard = Decimal(each["milliseconds"]) / 60_000
    spoken = Decimal(each.get("spoken_milliseconds", 0)) / 60_000  # older services do not tell it
    euros = Decimal(each["microeuros"]) / 1_000_000
    return str(each["requests"]), f"{heard:.2f}", f"{spoken:.2f}", str(each["characters"]), f"{euros:.4f}"


def _amount(each: Document, name: str) -> str:
    match each["unit"]:
        case "milliseconds":
            return f"{Decimal(each[name]) / 60_000:.1f} min"
        case "microeuros":
            return f"{Decimal(each[name]) / 1_000_000:.2f} EUR"
        case _:
            return str(each[name])


def _time(text: str) -> str:
    """As people write it: 23 November 14:00."""
    at = datetime.fromisoformat(text).astimezone(UTC)
    return f"{at.day} {at:%B %H:%M}"
