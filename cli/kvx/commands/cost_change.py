"""A change of the costs in words, in JSON, and as a comment for a pull request."""

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

from kvx.cost.as_markdown import cell, table
from kvx.cost.verdict import shown
from kvx.errors import KvxError

if TYPE_CHECKING:
    from kvx.cost.change import Change, Row

_WHAT, _AMOUNT = 46, 11


def change_lines(changed: "Change") -> Iterator[str]:
    """For people: before, after, and what that adds."""
    yield f"{changed.currency} a month, net; new things by the list of {changed.price_date}"
    yield f"  {'':<{_WHAT}}{'now':>{_AMOUNT}}{'then':>{_AMOUNT}}{'':>{_AMOUNT}}"
    for row in changed.rows:
        room = _WHAT - 2
        words = row.words if len(row.words) <= room else f"{row.words[: room - 1]}…"
        yield f"  {words:<{_WHAT}}{_side(row, row.before)}{_side(row, row.after)}{_added(row.difference)}"
    yield f"{'-' * 10:>{_WHAT + 2 + 3 * _AMOUNT}}"
    sums = f"{shown(changed.before):>{_AMOUNT}}{shown(changed.after):>{_AMOUNT}}{_added(changed.increase)}"
    yield f"  {'together':<{_WHAT}}{sums}"
    if changed.lost:
        yield f"Older prices are given up by it: they saved {shown(changed.lost)} a month."


def change_data(changed: "Change") -> dict[str, object]:
    """For programs."""
    rows = [
        {
            "words": row.words,
            "before_net": _text(row.before),
            "after_net": _text(row.after),
            "difference_net": _text(row.difference),
            "known": row.is_known,
        }
        for row in changed.rows
    ]
    return {
        "rows": rows,
        "before_net": _text(changed.before),
        "after_net": _text(changed.after),
        "increase_net": _text(changed.increase),
        "lost_net": _text(changed.lost),
        "missing": list(changed.missing),
        "currency": changed.currency,
        "price_date": changed.price_date,
    }


def change_markdown(changed: "Change", refusal: KvxError | None) -> Iterator[str]:
    """The verdict first; rows without a difference are folded away."""
    increase = "unknown" if changed.increase is None else _added(changed.increase).strip()
    both = f"{shown(changed.before)} to {shown(changed.after)}"
    yield f"### Cost: {increase} {changed.currency} a month, {both}"
    yield ""
    if refusal is not None:
        yield f"**Not allowed:** {cell(refusal.message)}"
        yield ""
    rows = [
        [row.words, shown(row.before) if row.before is not None else "-", _after(row), _added(row.difference)]
        for row in changed.rows
        if row.difference != 0
    ]
    yield from table(("what", "now", "then", "difference"), [[each.strip() for each in row] for row in rows])
    if changed.lost:
        yield ""
        yield f"Older prices that are given up saved {shown(changed.lost)} a month."
    yield ""
    yield f"Net, list prices of {changed.price_date}; what stays keeps the price it was ordered at."


def _after(row: "Row") -> str:
    return shown(row.after) if row.after is not None or not row.is_known else "-"


def _side(row: "Row", amount: Decimal | None) -> str:
    words = "-" if amount is None and row.is_known else shown(amount)
    return f"{words:>{_AMOUNT}}"


def _added(amount: Decimal | None) -> str:
    words = "unknown" if amount is None else f"{amount:+.2f}" if amount else ""
    return f"{words:>{_AMOUNT}}"


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount:f}"
