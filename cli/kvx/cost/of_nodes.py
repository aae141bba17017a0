"""What the machines of a cluster have cost this month, by their types and when their nodes were made.

List prices for servers and their IPv4: what nodes tell. Volumes, load balancers and traffic are not theirs.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from kvx.cost.bill import bill
from kvx.cost.history import History, Spell, Terms
from kvx.cost.prices import Prices, Rate
from kvx.cost.times import month_of
from kvx.machines.fleet import Place


@dataclass(frozen=True, slots=True)
class Standing:
    """One machine; `made` is when its node joined, in seconds since 1970, None where that is not known."""

    name: str
    place: Place
    has_ipv4: bool
    made: float | None


@dataclass(frozen=True, slots=True)
class MonthSoFar:
    """Net amounts; None where a price is unknown. `month_net` is the month if all stands to its end.

    `looked_at`: of all that a look at Hetzner found in that second, at what it was ordered at; None: of
    what nodes tell, at list prices.
    """

    month: str
    so_far_net: Decimal | None
    month_net: Decimal | None
    currency: str
    price_date: str
    source: str
    missing: tuple[str, ...]
    looked_at: int | None = None


def month_so_far(machines: Iterable[Standing], prices: Prices, now: float) -> MonthSoFar:
    """From the first of the month, or from when a machine was made; of one that nobody dates, the whole."""
    begin = month_of(int(now)).begin
    return month_of_histories(
        [each for machine in machines for each in _histories(machine, prices, begin)], prices, now
    )


def month_of_histories(
    histories: Sequence[History], prices: Prices, now: float, looked_at: int | None = None
) -> MonthSoFar:
    """Until now and to the end of the month, of all that still stands."""
    month = month_of(int(now))
    until_now = bill(histories, month, int(now), prices.vat_rate)
    whole = bill(histories, month, month.end, prices.vat_rate)
    return MonthSoFar(
        str(month),
        until_now.net,
        whole.net,
        prices.currency,
        prices.date,
        prices.source,
        whole.missing,
        looked_at,
    )


def _histories(machine: Standing, prices: Prices, begin: int) -> Iterator[History]:
    made = begin if machine.made is None else int(machine.made)
    place = machine.place
    yield _history("server", machine.name, made, Terms(place.type, place.location, prices.server(place)))
    if machine.has_ipv4:
        rate: Rate = prices.primary_ip("ipv4", place.location)
        yield _history("primary_ip", machine.name, made, Terms("ipv4", place.location, rate))


def _history(kind: str, name: str, made: int, terms: Terms) -> History:
    return History(kind, 0, name, {}, (Spell(made, None, terms),))
