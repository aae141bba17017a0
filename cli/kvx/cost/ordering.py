"""Prices at order that somebody knows better than the ledger: told by hand, or read from an invoice."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal

from kvx.cost.bill import rounded
from kvx.cost.history import SIZED, History, Spell, Terms
from kvx.cost.invoice import Invoice
from kvx.cost.prices import Money, Prices, Rate
from kvx.cost.sighting import rate_of
from kvx.cost.times import Month
from kvx.machines.fleet import Place

TOLD = "told"


def as_ordered(history: History, place: Place, size_gb: Decimal, prices: Prices) -> History:
    """What nobody saw, as what somebody says it was: at the list's price, with backups off."""
    name, location = ("", place.location) if history.kind in SIZED else (place.type, place.location)
    rate = rate_of(history.kind, place.type, location, prices)
    terms = Terms(name, location, rate, size_gb, prices.backup_percentage, priced_on=prices.date)
    return replace(history, spells=tuple(replace(each, terms=terms) for each in history.spells))


def its_address(history: History, location: str, prices: Prices) -> History:
    """The IPv4 that came and went with a server; nobody told its id, so it has the server's below zero."""
    terms = Terms("ipv4", location, prices.primary_ip("ipv4", location), priced_on=prices.date)
    spells = (Spell(history.begin, history.end, terms),)
    return replace(history, kind="primary_ip", id=-history.id, spells=spells, server=history.id)


def at_price(history: History, monthly: Decimal, hourly: Decimal | None, prices: Prices) -> History:
    """With the net price that it has now, told by who ordered it; of sized things that of one GB.

    Without a price by the hour, the list's is scaled as the month's is.
    """
    terms = history.now
    rate = rate_of(history.kind, terms.type, terms.location, prices)
    return _with_rate(history, _rate(monthly, hourly, rate, prices.vat_rate), TOLD)


def by_invoice(invoice: Invoice, histories: Iterable[History], prices: Prices) -> Iterator[History]:
    """Those of whose price the invoice is sure, and the ledger was not.

    Sure is a line of a whole month: then it is the month's price. Of what stood for a part of it, had
    backups, or was rescaled in it, the price cannot be told from a sum.
    """
    amounts = invoice.amounts
    for history in histories:
        monthly = _of_whole_month(history, amounts, invoice.month)
        known = history.now.rate
        if monthly is None or known.monthly is None or rounded(known.monthly.net) == rounded(monthly):
            continue
        rate = _rate(monthly, None, known, prices.vat_rate)
        yield _with_rate(history, rate, f"invoice {invoice.month}")


_PRODUCTS = {
    "server": "server",
    "load_balancer": "load balancer",
    "volume": "volume",
    "floating_ip": "floating IP",
    "image": "snapshot",
}


def _of_whole_month(
    history: History, amounts: Mapping[tuple[str, str], Decimal], month: Month
) -> Decimal | None:
    last = history.spells[-1]
    stood = last.begin <= month.begin and (last.end is None or last.end >= month.end)
    product = _PRODUCTS.get(history.kind, "IPv4" if last.terms.type == "ipv4" else "")
    amount = amounts.get((product, history.name))
    if not stood or not amount:
        return None
    if history.kind not in SIZED:
        return amount
    return amount / last.terms.size_gb if last.terms.size_gb else None


def _rate(monthly: Decimal, hourly: Decimal | None, like: Rate, vat_rate: Decimal | None) -> Rate:
    """The hour's price in proportion where it is not told."""
    if hourly is None and like.hourly is not None and like.monthly is not None and like.monthly.net:
        hourly = rounded(like.hourly.net * monthly / like.monthly.net)
    return Rate(_money(monthly, vat_rate), None if hourly is None else _money(hourly, vat_rate))


def _money(net: Decimal, vat_rate: Decimal | None) -> Money:
    return Money(net, net if vat_rate is None else rounded(net * (100 + vat_rate) / 100))


def _with_rate(history: History, rate: Rate, priced_on: str) -> History:
    """Of the spell that holds now: those before were other orders."""
    last = history.spells[-1]
    terms = replace(last.terms, rate=rate, priced_on=priced_on)
    return replace(history, spells=(*history.spells[:-1], replace(last, terms=terms)))
