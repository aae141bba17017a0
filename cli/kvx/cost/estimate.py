"""What a fleet costs a month at list prices, line by line; a missing price makes the total unknown."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from kvx.cost.prices import Money, Prices, Rate
from kvx.errors import ExitCode, KvxError
from kvx.machines.fleet import GATEWAY, Fleet
from kvx.machines.placement import Placement

VOLUME = "GB of volume"
_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Line:
    """Some of the same thing; None where Hetzner's list has no price."""

    words: str
    count: int
    each: Money | None
    each_hourly: Money | None = None

    @property
    def each_monthly_net(self) -> Decimal | None:
        return None if self.each is None else self.each.net

    @property
    def monthly_net(self) -> Decimal | None:
        return None if self.each is None else self.each.net * self.count

    @property
    def monthly_gross(self) -> Decimal | None:
        return None if self.each is None else self.each.gross * self.count

    @property
    def hourly_net(self) -> Decimal | None:
        return None if self.each_hourly is None else self.each_hourly.net * self.count


@dataclass(frozen=True, slots=True)
class Estimate:
    """The lines, and their sums where each line has a price.

    `hourly_net` leaves volumes out: Hetzner lists them by the month only.
    """

    lines: tuple[Line, ...]
    currency: str
    price_date: str
    source: str

    @property
    def missing(self) -> tuple[str, ...]:
        """What has no price."""
        return tuple(line.words for line in self.lines if line.each is None)

    @property
    def monthly_net(self) -> Decimal | None:
        return _sum(line.monthly_net for line in self.lines)

    @property
    def monthly_gross(self) -> Decimal | None:
        return _sum(line.monthly_gross for line in self.lines)

    @property
    def hourly_net(self) -> Decimal | None:
        return _sum(line.hourly_net for line in self.lines if line.words != VOLUME)

    def checked(self) -> Decimal:
        """The net price of a month; raises a KvxError (exit code 4) when a part of it is unknown."""
        total = self.monthly_net
        if total is None:
            message = f"the price is not known: the list of {self.price_date} has none for "
            fix = "choose another type or place; kvx doctor --target hetzner shows each line"
            raise KvxError(message + ", ".join(self.missing), fix, ExitCode.INCOMPLETE)
        return total


def estimate(fleet: Fleet, placement: Placement, prices: Prices) -> Estimate:
    """The whole fleet at list prices, wherever the placement has put it."""
    lines = (
        *_servers(placement, prices),
        *_addresses(fleet, placement, prices),
        *_load_balancer(fleet, prices),
        *_volumes(fleet, prices),
    )
    return Estimate(lines, prices.currency, prices.date, prices.source)


def in_cents(amount: Decimal) -> Decimal:
    """As it is shown, commercially rounded; sums are made before."""
    return amount.quantize(_CENT, ROUND_HALF_UP)


def _servers(placement: Placement, prices: Prices) -> Iterator[Line]:
    counted = Counter(placed.place for placed in placement.nodes.values())
    for place, count in sorted(counted.items()):
        yield _line(f"{place}", count, prices.server(place))


def _addresses(fleet: Fleet, placement: Placement, prices: Prices) -> Iterator[Line]:
    """Each node with a public side has one; of private ones only the gateway does."""
    public = [node.key for node in fleet.nodes if not fleet.private_only or node.pool.name == GATEWAY]
    counted = Counter(placement.nodes[key].place.location for key in public)
    for location, count in sorted(counted.items()):
        yield _line(f"public IPv4 in {location}", count, prices.primary_ip("ipv4", location))


def _load_balancer(fleet: Fleet, prices: Prices) -> Iterator[Line]:
    if fleet.load_balancer is not None:
        rate = prices.load_balancer(fleet.load_balancer)
        yield _line(f"load balancer {fleet.load_balancer}", 1, rate)


def _volumes(fleet: Fleet, prices: Prices) -> Iterator[Line]:
    size_gb = sum(node.pool.volume_gb for node in fleet.nodes)
    if size_gb:
        yield _line(VOLUME, size_gb, Rate(prices.volume_gb_month))


def _line(words: str, count: int, rate: Rate) -> Line:
    return Line(words, count, rate.monthly, rate.hourly)


def _sum(amounts: Iterator[Decimal | None]) -> Decimal | None:
    total = Decimal(0)
    for amount in amounts:
        if amount is None:
            return None
        total += amount
    return total
