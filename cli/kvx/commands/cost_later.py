"""kvx cost forecast, orphans, break-even, advise and import-invoice: what follows from a report."""

import json
import sys
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kvx.commands.cost_basis import Costs, costs
from kvx.commands.cost_report import MonthFlag
from kvx.commands.cost_table import bounds_of
from kvx.commands.flags import Folder, Json
from kvx.commands.table import Table
from kvx.cost.bill import rounded
from kvx.cost.forecast import BreakEven
from kvx.cost.forecast import forecast as foretold
from kvx.cost.verdict import exit_code, shown
from kvx.errors import ExitCode, KvxError

if TYPE_CHECKING:
    from kvx.cost.invoice import Invoice

SCHEMA = "kvx/cost/v1"


def forecast(*, folder: Folder = None, as_json: Json = False) -> None:
    """Say what the month will have cost at its end: as it stands, and at the pace of the last days.

    Exit code 3: over cost.monthly_budget; 4: a price is unknown, or Hetzner could not be asked.
    """
    found = _costs(folder)
    told = foretold(found.report)
    if as_json:
        amounts = {"committed_net": told.committed, "by_pace_net": told.by_pace}
        document = {name: None if net is None else f"{net:f}" for name, net in amounts.items()}
        _json({"forecast": {**document, "days_of_pace": told.days_of_pace}}, found)
    else:
        currency = found.basis.prices.currency
        print(f"{found.basis.month} will have cost, {currency} net:")
        print(f"  {shown(told.committed):>10}  if nothing is made or deleted any more")
        days = (
            f"the last {told.days_of_pace} days" if told.days_of_pace else "what stands: the month is young"
        )
        print(f"  {shown(told.by_pace):>10}  at the pace of {days}")
        print(f"So between {shown(told.least)} and {shown(told.most)}; more traffic is not foreseen.")
        for row in bounds_of(found.report):
            print(f"  {row[0]} ({row[1]})")
    _end(found)


def orphans(*, folder: Folder = None, as_json: Json = False) -> None:
    """List what is billed and used by nobody, with the command that ends it; exit code 4 for any."""
    found = _costs(folder)
    orphaned = found.report.orphans
    if as_json:
        rows = [
            {
                "kind": each.history.kind,
                "id": each.history.id,
                "name": each.history.name,
                "reason": each.reason,
                "monthly_net": None if each.monthly is None else f"{each.monthly:f}",
                "command": each.command,
            }
            for each in orphaned
        ]
        print(json.dumps({"schema": SCHEMA, "orphans": rows, "exit_code": 4 if rows else 0}, indent=2))
    elif not orphaned:
        print("Everything that is billed is used.")
    else:
        for each in orphaned:
            kind = each.history.kind.replace("_", " ")
            print(f"{shown(each.monthly):>10} a month  {kind} {each.history.name} {each.reason}")
            print(f"{'':>10} to end it: {each.command}")
    if orphaned:
        raise typer.Exit(int(ExitCode.INCOMPLETE))


def break_even(
    *,
    per_minute: Annotated[
        float | None,
        typer.Option(
            "--per-minute",
            metavar="EUR",
            min=0.000001,
            help="What an engine asks for a minute.",
            show_default="what the dearest has cost this month",
        ),
    ] = None,
    share: Annotated[
        float,
        typer.Option(metavar="PART", min=0, max=1, help="Part of the machines that is there for sound."),
    ] = 1.0,
    folder: Folder = None,
    as_json: Json = False,
) -> None:
    """Say from how many minutes a month on the own machines are cheaper than an engine in the cloud."""
    found = _costs(folder)
    monthly = found.report.monthly
    if monthly is None:
        message = f"what the machines cost is not known: no price for {', '.join(found.report.missing)}"
        raise KvxError(message, "kvx cost report --by resource", ExitCode.INCOMPLETE)
    price, whose = _price_of_a_minute(found, per_minute)
    told = BreakEven(monthly, price, Decimal(str(share)))
    if as_json:
        document = {"monthly_net": f"{monthly:f}", "minutes": f"{told.minutes:.0f}"}
        _json({"break_even": {**document, "per_minute": f"{price:f}", "share": str(share)}}, found)
        return
    currency = found.basis.prices.currency
    print(f"Whole: {told.minutes:.0f} minutes a month cost as much there as the machines here.")
    print("Marginal: where the machines stand anyway, a minute here costs nothing more; there each does.")
    print(
        f"Assumed: {shown(monthly)} {currency} net a month for all that stands, {told.share:.0%} for sound,"
    )
    print(f"{price:f} {currency} a minute there{whose}, without a free allowance;")
    print("the machines can hear that much.")


def _price_of_a_minute(found: Costs, given: float | None) -> tuple[Decimal, str]:
    """And in words whose it is."""
    if given is not None:
        return Decimal(str(given)), ""
    from kvx.cost.usage import by_engine

    paid = [(each.per_minute, name) for name, each in by_engine(found.report.used).items() if each.per_minute]
    if not paid:
        message = "no cloud engine has cost anything for a minute this month, so that no price is known"
        raise KvxError(message, "kvx cost break-even --per-minute 0.059", ExitCode.USAGE)
    price, name = max(paid)
    return rounded(price), f", as {name} has cost this month"


def advise(*, folder: Folder = None, as_json: Json = False) -> None:
    """Say what would save money: nodes that can go or be smaller, by what pods need or are advised to ask."""
    from kvx.commands.cost_basis import standing_of
    from kvx.commands.machines import place_machines
    from kvx.cost.advice import advice
    from kvx.drivers.hetzner_placing import known_catalogue
    from kvx.world import real_world

    found, world = _costs(folder), real_world()
    standing = standing_of(found.deployment, found.basis, world)
    if standing is None:
        message = "there is no cluster to ask what its pods need"
        raise KvxError(message, "kvx deploy --target hetzner --to configure", ExitCode.MISSING)
    step = place_machines(found.plan)
    advised = advice(standing, known_catalogue(step.account, step.fleet, world), found.basis.prices)
    if as_json:
        rows = [
            {"words": each.words, "saves_net": f"{each.saves:f}", "command": each.command} for each in advised
        ]
        print(json.dumps({"schema": SCHEMA, "advice": rows}, indent=2))
        return
    for each in advised:
        print(f"{shown(each.saves):>10} a month  {each.words}\n{'':>10} {each.command}")
    if not advised:
        print("No node can go or be smaller; on nodes of a fixed price, freed parts of one save nothing.")


def import_invoice(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Hetzner's statement of usage, as CSV.")],
    *,
    keep_prices: Annotated[
        bool,
        typer.Option("--keep-prices", help="Write what it is sure of into the ledger as price at order."),
    ] = False,
    folder: Folder = None,
    as_json: Json = False,
) -> None:
    """Hold Hetzner's invoice against the ledger, line by line. Exit code 4: they differ by more than 1 %."""
    from kvx.cost.invoice import read_invoice, reconcile

    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise KvxError(f"{file} cannot be read: {error.strerror}", f"ls -l {file}", ExitCode.USAGE) from None
    except UnicodeDecodeError:
        message = f"{file} is not text in UTF-8"
        raise KvxError(message, "download the CSV again", ExitCode.USAGE) from None
    invoice = read_invoice(text)
    found = _costs(folder, str(invoice.month))
    told = reconcile(invoice, found.report.machines)
    if keep_prices:
        _keep_prices(found, invoice)
    if as_json:
        rows = [
            {
                "product": row.product,
                "name": row.name,
                "ours": None if row.ours is None else f"{row.ours:f}",
                "theirs": None if row.theirs is None else f"{row.theirs:f}",
                "difference": f"{row.difference:f}",
            }
            for row in told.rows
        ]
        sums = {"ours": f"{told.ours:f}", "theirs": f"{told.theirs:f}", "drift_percent": f"{told.drift:.2f}"}
        print(json.dumps({"schema": SCHEMA, "month": str(told.month), "rows": rows, **sums}, indent=2))
    else:
        head = ("what", "name", "ours", "invoice", "difference")
        cells = [
            (
                row.product,
                row.name,
                shown_or_none(row.ours),
                shown_or_none(row.theirs),
                f"{row.difference:+.4f}",
            )
            for row in told.rows
        ]
        print("\n".join(Table(head, cells, len(head)).lines))
        print(
            f"{told.month}: ours {shown(told.ours)}, invoice {shown(told.theirs)}, drift {told.drift:.2f} %"
        )
    if not told.is_close:
        raise typer.Exit(int(ExitCode.INCOMPLETE))


def _keep_prices(found: Costs, invoice: "Invoice") -> None:
    """Each on stderr, with its price until now."""
    from kvx.cost.ordering import by_invoice
    from kvx.drivers import cost_ledger

    before = {each.key: each for each in found.basis.histories}
    kept = list(by_invoice(invoice, before.values(), found.basis.prices))
    cost_ledger.change(found.folder, kept)
    for each in kept:
        words = f"{each.kind.replace('_', ' ')} {each.name}: ordered at {shown(each.monthly)} a month, net"
        print(f"{words}, and not at {shown(before[each.key].monthly)}", file=sys.stderr)


def shown_or_none(amount: Decimal | None) -> str:
    return "-" if amount is None else f"{amount:.4f}"


def _costs(folder: Path | None, month: MonthFlag = None) -> Costs:
    from kvx.world import real_world

    return costs(folder, month, real_world(lambda words: print(words, file=sys.stderr)), cluster=False)


def _json(document: dict[str, object], found: Costs) -> None:
    print(json.dumps({"schema": SCHEMA, **document, "exit_code": int(exit_code(found.report))}, indent=2))


def _end(found: Costs) -> None:
    """With the exit code of the report, and why."""
    from kvx.cost.verdict import findings

    grave = [each for each in findings(found.report) if each.code is not ExitCode.DONE]
    for each in grave:
        print(f"{each.words}\nfix: {each.fix}", file=sys.stderr)
    if grave:
        raise typer.Exit(int(grave[0].code))
