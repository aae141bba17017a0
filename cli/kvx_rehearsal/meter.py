"""Meters what is billed, as the far side of an invoice: what stood, from when to when, at which price.

Written from Hetzner's published rules (docs.hetzner.com, "Billing system at Hetzner"), apart from kvx's own
reckoning, so that each can be held against the other. Amounts are fractions; a line is rounded once.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

from kvx_rehearsal.store import Document, Store

HOUR = 3600
BILLED = ("server", "load_balancer", "volume", "primary_ip")
LISTED = {"server": "server_types", "load_balancer": "load_balancer_types", "primary_ip": "primary_ips"}


def note(store: Store, kind: str, number: int, document: Document | None, pricing: Document) -> None:
    """Write down a change of what a resource is billed for; a change of anything else is none."""
    if kind not in BILLED:
        return
    before = store.last_metered(kind, number)
    after = None if document is None else _facts(kind, document, before, pricing)
    if after != before:
        store.meter(kind, number, after)


def _facts(kind: str, document: Document, before: Document | None, pricing: Document) -> Document:
    """A price is that of the day on which this type was ordered here."""
    facts: Document = {"type": document.get("type", ""), "location": document.get("location", "")}
    facts["size"] = document.get("size", 0) if kind == "volume" else 0
    facts["backups"] = document.get("backup_window") is not None
    same = before is not None and (before["type"], before["location"]) == (facts["type"], facts["location"])
    facts["price"] = before["price"] if before is not None and same else _price(kind, facts, pricing)
    return facts


def _price(kind: str, facts: Document, pricing: Document) -> Any:
    """[a month, an hour] as text, the hour null where Hetzner lists none; null for what has no price."""
    if kind == "volume":
        return [pricing["volume"]["price_per_gb_month"]["net"], None]
    for entry in pricing[LISTED[kind]]:
        for price in entry["prices"]:
            if (entry.get("name") or entry.get("type"), price["location"]) == (
                facts["type"],
                facts["location"],
            ):
                return [price["price_monthly"]["net"], price["price_hourly"]["net"]]
    return None


def invoice(store: Store, year: int, month: int, until: float) -> Document:
    """Every line of a month up to a moment, and the sum: net, in ten-thousandths of the currency."""
    begin = int(datetime(year, month, 1, tzinfo=UTC).timestamp())
    end = int(datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC).timestamp())
    lines: dict[tuple[str, int, str], int] = {}
    for key, uses in _uses(store).items():
        for what, found in _sorted_out(key[0], uses, begin, min(end, int(until))).items():
            lines[(*key, what)] = _line(found, (end - begin) // HOUR)
    told = [
        {"kind": kind, "id": number, "what": what, "net": net} for (kind, number, what), net in lines.items()
    ]
    return {"lines": told, "net": sum(lines.values())}


def _uses(store: Store) -> dict[tuple[str, int], list[tuple[int, Document | None]]]:
    """What happened to each resource, in order."""
    found: dict[tuple[str, int], list[tuple[int, Document | None]]] = {}
    for at, kind, number, facts in store.metered():
        found.setdefault((kind, number), []).append((at, facts))
    return found


def _sorted_out(
    kind: str, uses: list[tuple[int, Document | None]], begin: int, end: int
) -> dict[str, tuple[list[list[int]], Fraction | None, Fraction | None]]:
    """By what is billed: its times in the month, and its price a month and an hour."""
    found: dict[str, tuple[list[list[int]], Fraction | None, Fraction | None]] = {}
    for number, (at, facts) in enumerate(uses):
        stop = uses[number + 1][0] if number + 1 < len(uses) else end
        first, last = max(at, begin), min(stop, end)
        if facts is None or last <= first:
            continue
        for what, monthly, hourly in _items(kind, facts):
            times = found.setdefault(what, ([], monthly, hourly))[0]
            if times and times[-1][1] == first:
                times[-1][1] = last
            else:
                times.append([first, last])
    return found


def _items(kind: str, facts: Document) -> Iterator[tuple[str, Fraction | None, Fraction | None]]:
    price = facts["price"]
    monthly = None if price is None else Fraction(price[0])
    hourly = None if price is None or price[1] is None else Fraction(price[1])
    if kind == "volume" and monthly is not None:
        monthly *= facts["size"]
    name = f"{facts['type']}@{facts['location']} {facts['size']} {price}"
    yield name, monthly, hourly
    if facts["backups"] and monthly is not None and hourly is not None:
        yield f"backups of {name}", monthly / 5, hourly / 5


def _line(found: tuple[list[list[int]], Fraction | None, Fraction | None], hours_of_month: int) -> int:
    """Started hours by the hour's price, at most the month's; without one, by the share of the month."""
    times, monthly, hourly = found
    if monthly is None:
        raise ValueError("there is no price for what was made")
    hours = sum((last - first + HOUR - 1) // HOUR for first, last in times)
    if hourly is None:
        net = monthly * min(hours, hours_of_month) / hours_of_month
    else:
        net = min(monthly, hourly * hours)
    return int(net * 10_000 + Fraction(1, 2))
