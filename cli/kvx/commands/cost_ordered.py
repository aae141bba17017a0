"""kvx cost ordered: who ordered something tells the ledger what it was, or at which price."""

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import typer

from kvx.commands.flags import Folder, deployment_from
from kvx.cost.history import BILLED, SIZED, History
from kvx.cost.verdict import shown
from kvx.errors import ExitCode, KvxError

if TYPE_CHECKING:
    from kvx.cost.prices import Prices

Kind = Annotated[str, typer.Argument(metavar="KIND", help=f"{', '.join(BILLED)}.")]
Number = Annotated[int, typer.Argument(metavar="ID", help="Its id at Hetzner.")]
Type = Annotated[
    str | None, typer.Option("--type", metavar="TYPE@LOCATION", help="What it was, where nobody saw it.")
]
Gb = Annotated[float, typer.Option("--gb", min=0, help="The size of a volume or snapshot.")]
NoIpv4 = Annotated[bool, typer.Option("--no-ipv4", help="A server without a public address.")]
Monthly = Annotated[
    float | None, typer.Option(metavar="EUR", min=0, help="Its price a month, net; of sized things of a GB.")
]
Hourly = Annotated[float | None, typer.Option(metavar="EUR", min=0, help="Its price an hour, net.")]


def ordered(
    kind: Kind,
    number: Number,
    *,
    type_name: Type = None,
    gb: Gb = 0,
    no_ipv4: NoIpv4 = False,
    monthly: Monthly = None,
    hourly: Hourly = None,
    folder: Folder = None,
) -> None:
    """Tell the ledger what something was that nobody saw, or the price at which it was ordered."""
    from kvx.drivers import cost_ledger, costing

    place = costing.ledger_of(deployment_from(folder, "hetzner").folder)
    ledger = cost_ledger.read(place, 0)
    history = next((each for each in ledger.histories if each.key == (kind, number)), None)
    if history is None or ledger.prices is None:
        message = f"the ledger in {place} knows no {kind.replace('_', ' ')} {number}"
        raise KvxError(message, "kvx cost report --by resource", ExitCode.USAGE)
    if (type_name is None) == (monthly is None):
        message = "either what it was or its price is told, and one of them must be"
        raise KvxError(message, "--type TYPE@LOCATION, or --monthly EUR", ExitCode.USAGE)
    told = (
        _at_price(history, monthly, hourly, ledger.prices)
        if type_name is None
        else _as_ordered(history, type_name, gb, ledger.prices, ipv4=not no_ipv4)
    )
    cost_ledger.change(place, told)
    for each in told:
        words = f"{each.kind.replace('_', ' ')} {each.name}"
        print(f"{words}: {shown(each.monthly)} {ledger.prices.currency} a month, net")


def _at_price(
    history: History, monthly: float | None, hourly: float | None, prices: "Prices"
) -> tuple[History, ...]:
    from kvx.cost.ordering import at_price

    each = None if hourly is None else Decimal(str(hourly))
    return (at_price(history, Decimal(str(monthly)), each, prices),)


def _as_ordered(
    history: History, type_name: str, gb: float, prices: "Prices", *, ipv4: bool
) -> tuple[History, ...]:
    """Raises a KvxError (exit code 2) for what was seen, or what the list does not know."""
    from kvx.cost.history import PASSED
    from kvx.cost.ordering import as_ordered, its_address
    from kvx.machines.fleet import Place

    if history.status != PASSED:
        message = f"{history.kind.replace('_', ' ')} {history.id} was seen: it is {history.now.type}"
        raise KvxError(message, "tell its price with --monthly", ExitCode.USAGE)
    name, _, location = type_name.rpartition("@")
    found = as_ordered(history, Place(name, location), Decimal(str(gb)), prices)
    if found.now.rate.monthly is None or (found.kind in SIZED and not gb):
        message = f"the list of {prices.date} knows no price of {type_name}" + (
            " and its size" if not gb else ""
        )
        raise KvxError(message, "--type cax21@nbg1; for a volume --type @nbg1 --gb 10", ExitCode.USAGE)
    if history.kind != "server" or not ipv4:
        return (found,)
    return (found, its_address(found, location, prices))
