"""Histories in a few words, at the prices of the snapshot."""

from decimal import Decimal

from kvx.cost.history import SIZED, History, Spell, Terms, Traffic
from kvx.cost.prices import Money, Prices, Rate, snapshot
from kvx.cost.times import Month, seconds_of
from kvx.machines.fleet import CLUSTER_LABEL, Place

PRICES = snapshot()
VAT = Decimal(19)
NOVEMBER = Month(2026, 11)
NBG = "nbg1"


def at(text: str) -> int:
    """Seconds of `11-05 10:30` in 2026, or of a whole time with its offset."""
    found = seconds_of(text if text.startswith("20") else f"2026-{text}")
    assert found is not None
    return found


def rate_of(kind: str, what: str, prices: Prices = PRICES) -> Rate:
    """The list price in Nuremberg."""
    match kind:
        case "server":
            return prices.server(Place(what, NBG))
        case "load_balancer":
            return prices.load_balancer(Place(what, NBG))
        case "primary_ip":
            return prices.primary_ip(what, NBG)
        case "volume":
            return Rate(prices.volume_gb_month)
        case "image":
            return Rate(prices.image_gb_month)
    return Rate(Money(Decimal("3.00"), Decimal("3.57")))


def spell(
    kind: str,
    what: str,
    begin: str,
    end: str | None,
    *,
    backups: bool = False,
    rate: Rate | None = None,
) -> Spell:
    """`what` is a type, or for what is billed by size a number of GB."""
    size = Decimal(what) if kind in SIZED else Decimal(0)
    name, location = ("", NBG) if kind in SIZED else (what, NBG)
    price = rate or rate_of(kind, what)
    terms = Terms(name, location, price, size, PRICES.backup_percentage, backups, "2026-09-19")
    return Spell(at(begin), None if end is None else at(end), terms)


_numbers = iter(range(1, 1_000_000))


def made(kind: str, *spells: Spell, out_tb: str = "0", month: Month = NOVEMBER) -> History:
    traffic: tuple[Traffic, ...] = ()
    if Decimal(out_tb):
        per_tb = PRICES.traffic("server", Place("cax11", NBG))
        traffic = (Traffic(month, int(Decimal(out_tb) * 2**40), 20 * 2**40, per_tb),)
    number = next(_numbers)
    return History(kind, number, f"{kind}-{number}", {CLUSTER_LABEL: "kvx"}, spells, traffic)
