"""From histories to the lines of an invoice: Hetzner's rules, in Decimal, to the fourth decimal of a line.

Sources: docs.hetzner.com, "Billing system at Hetzner" (hourly until the month's price is reached, partial
hours rounded up, what exists is billed) and the Cloud billing FAQ; the statement of usage has four decimals
a line. What they leave open, and what is taken here: docs/decisions/020.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

from kvx.cost.history import SIZED, History, Spell, Terms, Traffic
from kvx.cost.prices import Rate
from kvx.cost.times import Month, started_hours

TERABYTE = 2**40
"""Hetzner's 20 TB are 21990232555520 bytes in its price list."""
_PLACES = Decimal("0.0001")

Product = Literal[
    "server",
    "backups",
    "load balancer",
    "volume",
    "IPv4",
    "IPv6",
    "floating IP",
    "snapshot",
    "traffic",
    "cloud engine",
]


@dataclass(frozen=True, slots=True)
class Charge:
    """One line: a resource, under one price, in one month. None: the price is unknown.

    `quantity` is in hours, of sized things in GB hours, of traffic in TB, of engines in minutes,
    characters or requests; `price` is that of one unit.
    """

    month: Month
    kind: str
    id: int
    name: str
    cluster: str
    pool: str
    node: str
    product: Product
    type: str
    location: str
    begin: int
    end: int
    hours: int
    quantity: Decimal
    unit: str
    price: Decimal | None
    net: Decimal | None
    gross: Decimal | None
    is_capped: bool = False

    @property
    def words(self) -> str:
        """What is billed, such as `server cax21@nbg1`; of what has no types, the product alone."""
        place = f"{self.type}@{self.location}"
        if not self.type or self.kind == "primary_ip":
            return self.product
        return f"{self.product} {place if self.location else self.type}"


@dataclass(frozen=True, slots=True)
class Bill:
    """Lines and their sums; a sum over a missing price is None."""

    charges: tuple[Charge, ...]

    @property
    def net(self) -> Decimal | None:
        return total(charge.net for charge in self.charges)

    @property
    def gross(self) -> Decimal | None:
        return total(charge.gross for charge in self.charges)

    @property
    def missing(self) -> tuple[str, ...]:
        """What has no price, each once."""
        return tuple(dict.fromkeys(charge.words for charge in self.charges if charge.net is None))

    def by(self, part: Callable[[Charge], str]) -> Mapping[str, "Bill"]:
        """The lines in groups, by name."""
        groups: dict[str, list[Charge]] = {}
        for charge in self.charges:
            groups.setdefault(part(charge), []).append(charge)
        return {name: Bill(tuple(charges)) for name, charges in sorted(groups.items())}


def total(amounts: Iterable[Decimal | None]) -> Decimal | None:
    """The sum, None as soon as one is unknown."""
    found = list(amounts)
    return (
        None
        if any(each is None for each in found)
        else sum((each or Decimal(0) for each in found), Decimal(0))
    )


def rounded(amount: Decimal) -> Decimal:
    """As the statement of usage shows a line: four decimals, half up."""
    return amount.quantize(_PLACES, ROUND_HALF_UP)


def bill(histories: Iterable[History], month: Month, until: int, vat_rate: Decimal | None) -> Bill:
    """All lines of a month up to a second; a later one than the month's end says what all of it costs."""
    return Bill(tuple(line for each in histories for line in _charges(each, month, until, vat_rate)))


def with_tax(net: Decimal | None, vat_rate: Decimal | None) -> Decimal | None:
    """Gross by the line; `vat_rate` in percent."""
    return None if net is None or vat_rate is None else rounded(net * (100 + vat_rate) / 100)


@dataclass(frozen=True, slots=True)
class _Stretch:
    """A product under one price, with all its times in the month."""

    product: Product
    terms: Terms
    rate: Rate
    size: Decimal
    times: tuple[tuple[int, int], ...]


def _charges(history: History, month: Month, until: int, vat_rate: Decimal | None) -> Iterator[Charge]:
    for stretch in _stretches(history, month, min(until, month.end)):
        yield _charge(history, month, stretch, vat_rate)
    for traffic in history.traffic:
        if traffic.month == month and traffic.outgoing > traffic.included and until > month.begin:
            yield _over(history, traffic, vat_rate)


def _stretches(history: History, month: Month, until: int) -> Iterator[_Stretch]:
    """A price comes once, however often the resource came back to it; what touches is one time."""
    times: dict[tuple[Product, Terms, Rate, Decimal], list[tuple[int, int]]] = {}
    for spell in history.spells:
        begin, end = _within(history, spell, month, until)
        if end <= begin:
            continue
        for key in _priced(history.kind, spell.terms):
            known = times.setdefault(key, [])
            if known and known[-1][1] == begin:
                begin_before, _ = known.pop()
                known.append((begin_before, end))
            else:
                known.append((begin, end))
    for (product, terms, rate, size), found in times.items():
        yield _Stretch(product, terms, rate, size, tuple(found))


def _within(history: History, spell: Spell, month: Month, until: int) -> tuple[int, int]:
    """The part of it in the month; what was made and deleted in the same second has begun an hour, too."""
    begin, end = max(spell.begin, month.begin), until if spell.end is None else min(spell.end, until)
    if history.begin == history.end == spell.begin and month.begin <= spell.begin < until:
        end = begin + 1
    return begin, end


def _priced(kind: str, terms: Terms) -> Iterator[tuple[Product, Terms, Rate, Decimal]]:
    """What is billed under these terms; of the terms only what makes it another line."""
    plain = Terms(terms.type, terms.location, terms.rate)
    match kind:
        case "server":
            yield "server", plain, terms.rate, Decimal(1)
            if terms.backups_on:
                yield "backups", plain, _share(terms.rate, terms.backups), Decimal(1)
        case "load_balancer":
            yield "load balancer", plain, terms.rate, Decimal(1)
        case "primary_ip":
            yield ("IPv4" if terms.type == "ipv4" else "IPv6"), plain, terms.rate, Decimal(1)
        case "floating_ip":
            yield "floating IP", plain, terms.rate, Decimal(1)
        case "volume":
            yield "volume", plain, terms.rate, terms.size_gb
        case "image":
            yield "snapshot", plain, terms.rate, terms.size_gb


def _share(rate: Rate, percentage: Decimal | None) -> Rate:
    if percentage is None:
        return Rate()
    part = percentage / 100
    return Rate(
        None if rate.monthly is None else rate.monthly.times(part),
        None if rate.hourly is None else rate.hourly.times(part),
    )


def _charge(history: History, month: Month, stretch: _Stretch, vat_rate: Decimal | None) -> Charge:
    hours = sum(started_hours(begin, end) for begin, end in stretch.times)
    net, price, is_capped = _amount(stretch.rate, stretch.size, hours, month)
    return Charge(
        month, history.kind, history.id, history.name, history.cluster, history.pool, history.node_key,
        product=stretch.product, type=stretch.terms.type, location=stretch.terms.location,
        begin=stretch.times[0][0], end=stretch.times[-1][1], hours=hours,
        quantity=stretch.size * hours, unit="GB hours" if history.kind in SIZED else "hours", price=price,
        net=net, gross=with_tax(net, vat_rate), is_capped=is_capped,
    )  # fmt: skip


def _amount(
    rate: Rate, size: Decimal, hours: int, month: Month
) -> tuple[Decimal | None, Decimal | None, bool]:
    """Net, price of a unit, and whether the month's price was reached.

    With a price by the hour: hours, until the month's price is reached. Without one (volumes, snapshots,
    floating IPs): the month's price by the share of its hours.
    """
    if rate.monthly is None:
        return None, None, False
    monthly = rate.monthly.net * size
    if rate.hourly is None:
        share = Decimal(min(hours, month.hours)) / month.hours
        return rounded(monthly * share), rate.monthly.net / month.hours, hours >= month.hours
    hourly = rate.hourly.net * size
    return rounded(min(hourly * hours, monthly)), rate.hourly.net, hourly * hours >= monthly


def _over(history: History, traffic: Traffic, vat_rate: Decimal | None) -> Charge:
    """Traffic beyond what is included, to the byte."""
    over = Decimal(traffic.outgoing - traffic.included) / TERABYTE
    price = None if traffic.per_tb is None else traffic.per_tb.net
    net = None if price is None else rounded(price * over)
    return Charge(
        traffic.month, history.kind, history.id, history.name, history.cluster, history.pool,
        history.node_key, product="traffic", type="", location=history.now.location,
        begin=traffic.month.begin, end=traffic.month.end, hours=0, quantity=over, unit="TB", price=price,
        net=net, gross=with_tax(net, vat_rate),
    )  # fmt: skip
