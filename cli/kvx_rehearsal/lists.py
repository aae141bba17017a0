"""Lists: filtered, sorted, cut into pages.

Public documentation, "Pagination", "Sorting" and "Label Selector".
"""

from collections.abc import Callable
from typing import Any

from kvx_rehearsal.call import Answer, Call
from kvx_rehearsal.labels import selector
from kvx_rehearsal.refusals import invalid
from kvx_rehearsal.store import Document

PER_PAGE = 25
MOST_PER_PAGE = 50
# What lists may be filtered by, where the resource has such a field.
FILTERS = ("name", "status", "type", "architecture", "ip", "fingerprint", "id")
SORTED_BY = ("id", "name", "created", "status", "command", "progress", "started", "finished", "type")


def listing(call: Call, plural: str, found: list[Document]) -> Answer:
    """A page of what was found, and where it stands among the others."""
    chosen = _sorted(call, _filtered(call, found))
    page = _number(call, "page", 1, None)
    per_page = _number(call, "per_page", PER_PAGE, MOST_PER_PAGE)
    last = max(1, -(-len(chosen) // per_page))
    pagination = {
        "page": page,
        "per_page": per_page,
        "previous_page": page - 1 if page > 1 else None,
        "next_page": page + 1 if page < last else None,
        "last_page": last,
        "total_entries": len(chosen),
    }
    cut = chosen[(page - 1) * per_page : page * per_page]
    return Answer({plural: cut, "meta": {"pagination": pagination}})


def _filtered(call: Call, found: list[Document]) -> list[Document]:
    for field in FILTERS:
        wanted = call.asked(field)
        if wanted and found and field in found[0]:
            found = [each for each in found if str(each[field]) in wanted]
    for text in call.asked("label_selector"):
        matches = selector(text)
        found = [each for each in found if matches(each.get("labels", {}))]
    return found


def _sorted(call: Call, found: list[Document]) -> list[Document]:
    for order in reversed(call.asked("sort")):
        field, _, direction = order.partition(":")
        if field not in SORTED_BY or direction not in ("", "asc", "desc"):
            raise invalid("sort", f"'{order}' is not a way to sort")
        found = sorted(found, key=_key(field), reverse=direction == "desc")
    return found


def _key(field: str) -> Callable[[Document], Any]:
    return lambda each: (each.get(field) is not None, each.get(field))


def _number(call: Call, name: str, default: int, most: int | None) -> int:
    text = (call.asked(name) or [str(default)])[0]
    if not text.isdigit() or int(text) < 1:
        raise invalid(name, "must be a positive number")
    return min(int(text), most) if most else int(text)
