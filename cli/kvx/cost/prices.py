"""Hetzner's price list as values: what is not in it is unknown, never zero and never guessed."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from importlib.resources import files
from typing import Any, Literal

from kvx.machines.fleet import Place

Source = Literal["hetzner", "snapshot"]

_TWENTY_DIGITS = 20


@dataclass(frozen=True, slots=True)
class Money:
    """An amount without and with value added tax, in the currency of the price list."""

    net: Decimal
    gross: Decimal

    def times(self, quantity: int | Decimal) -> "Money":
        return Money(self.net * quantity, self.gross * quantity)


@dataclass(frozen=True, slots=True)
class Rate:
    """A price by the month and by the hour; None is unknown."""

    monthly: Money | None = None
    hourly: Money | None = None


UNKNOWN = Rate()


@dataclass(frozen=True, slots=True)
class Prices:
    """One reading of GET /v1/pricing; `date` is the day (YYYY-MM-DD) on which Hetzner gave it.

    These are prices of new orders: a server keeps the price it was made at until it is rescaled or
    made anew (reference: cloudtally.eu, 2026-05-28).
    """

    currency: str
    vat_rate: Decimal | None
    date: str
    source: Source
    rates: Mapping[tuple[str, str, str], Rate]
    volume_gb_month: Money | None = None
    image_gb_month: Money | None = None
    backup_percentage: Decimal | None = None
    per_tb: Mapping[tuple[str, str, str], Money | None] = field(default_factory=dict)
    """Of traffic that is not included, by the same keys as `rates`."""

    def server(self, place: Place) -> Rate:
        return self.rates.get(("server_types", place.type, place.location), UNKNOWN)

    def load_balancer(self, place: Place) -> Rate:
        return self.rates.get(("load_balancer_types", place.type, place.location), UNKNOWN)

    @property
    def load_balancer_places(self) -> tuple[Place, ...]:
        """Every type of load balancer in every location where it has a price."""
        rates = self.rates.items()
        return tuple(
            Place(name, location) for (kind, name, location), _ in rates if kind == "load_balancer_types"
        )

    def primary_ip(self, version: str, location: str) -> Rate:
        return self.rates.get(("primary_ips", version, location), UNKNOWN)

    def traffic(self, kind: str, place: Place) -> Money | None:
        """What a terabyte costs that is not included; `kind` is server or load_balancer."""
        return self.per_tb.get((f"{kind}_types", place.type, place.location))

    def floating_ip(self, version: str, location: str) -> Rate:
        return self.rates.get(("floating_ips", version, location), UNKNOWN)


def snapshot() -> Prices:
    """The dated price list that kvx brings, for where Hetzner cannot be asked."""
    document = snapshot_document()
    return parse_prices(document, date=str(document["date"]), source="snapshot")


def snapshot_document() -> Mapping[str, Any]:
    """The snapshot as it lies in the package: date, notes, pricing, server_types, locations."""
    document: Mapping[str, Any] = json.loads(files("kvx.cost").joinpath("snapshot.json").read_text("utf-8"))
    return document


def parse_prices(document: Mapping[str, Any], *, date: str, source: Source) -> Prices:
    """The body of GET /v1/pricing; an entry that cannot be read is left out, so its price is unknown."""
    pricing = _mapping(document.get("pricing"))
    kinds = ("server_types", "load_balancer_types", "primary_ips", "floating_ips")
    return Prices(
        currency=str(pricing.get("currency") or "EUR"),
        vat_rate=_decimal(pricing.get("vat_rate")),
        date=date,
        source=source,
        rates={key: rate for kind in kinds for key, rate in _rates(kind, pricing.get(kind))},
        volume_gb_month=_money(_mapping(pricing.get("volume")).get("price_per_gb_month")),
        image_gb_month=_money(_mapping(pricing.get("image")).get("price_per_gb_month")),
        backup_percentage=_decimal(_mapping(pricing.get("server_backup")).get("percentage")),
        per_tb=dict(_traffic_rates(pricing)),
    )


def _rates(kind: str, entries: object) -> Iterator[tuple[tuple[str, str, str], Rate]]:
    """Types have a name, addresses a type; both have prices by location."""
    for entry in _mappings(entries):
        name = entry.get("name") or entry.get("type")
        for price in _mappings(entry.get("prices")):
            location = price.get("location")
            if isinstance(name, str) and isinstance(location, str):
                rate = Rate(_money(price.get("price_monthly")), _money(price.get("price_hourly")))
                yield (kind, name, location), rate


def _traffic_rates(pricing: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str, str], Money | None]]:
    for kind in ("server_types", "load_balancer_types"):
        for entry in _mappings(pricing.get(kind)):
            for price in _mappings(entry.get("prices")):
                name, location = str(entry.get("name")), str(price.get("location"))
                yield (kind, name, location), _money(price.get("price_per_tb_traffic"))


def _money(value: object) -> Money | None:
    amounts = _mapping(value)
    net, gross = _decimal(amounts.get("net")), _decimal(amounts.get("gross"))
    return None if net is None or gross is None else Money(net, gross)


def _decimal(value: object) -> Decimal | None:
    """Hetzner writes amounts as strings; a number of JSON would have lost its exactness already."""
    if not isinstance(value, str):
        return None
    try:
        amount = Decimal(value)
    except InvalidOperation:
        return None
    readable = amount.is_finite() and amount >= 0 and amount.adjusted() < _TWENTY_DIGITS
    return amount if readable else None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _mappings(value: object) -> Iterator[Mapping[str, Any]]:
    yield from (entry for entry in value if isinstance(entry, Mapping)) if isinstance(value, list) else ()
