"""kvx cost report: what the month has cost until now, for people, programs, cron and Prometheus."""

import json
import sys
from typing import Annotated

import typer

from kvx.commands.cost_basis import Costs, costs
from kvx.commands.cost_table import BY, lines_of, talk_of
from kvx.commands.flags import Folder, Json
from kvx.cost.as_csv import as_csv, as_focus
from kvx.cost.as_json import as_json as document_of
from kvx.cost.as_markdown import as_markdown
from kvx.cost.verdict import exit_code
from kvx.errors import ExitCode, KvxError

FORMATS = ("table", "json", "csv", "focus", "markdown", "figures")

MonthFlag = Annotated[
    str | None, typer.Option("--month", metavar="YYYY-MM", help="Another month.", show_default="this one")
]
By = Annotated[str, typer.Option(metavar="PART", help=f"Grouped by {', '.join(BY)}.")]
Format = Annotated[str, typer.Option("--format", metavar="FORMAT", help=f"{', '.join(FORMATS)}.")]
Gross = Annotated[bool, typer.Option("--gross", help="With value added tax.")]
Budget = Annotated[float | None, typer.Option(metavar="EUR", min=0, help="Most a month may cost, net.")]
NoCluster = Annotated[bool, typer.Option("--no-cluster", help="Do not ask the cluster for its pods.")]
Cron = Annotated[
    bool, typer.Option("--cron", help="One line when all is well; writes figures, mails and webhook.")
]


def report(
    *,
    month: MonthFlag = None,
    by: By = "pool",
    form: Format = "table",
    gross: Gross = False,
    budget: Budget = None,
    no_cluster: NoCluster = False,
    cron: Cron = False,
    folder: Folder = None,
    as_json: Json = False,
) -> None:
    """Say what this month has cost until now, by Hetzner's rules and the prices at order.

    Exit code 3: over the budget, or it will be by the month's end; 4: a price is unknown, or Hetzner could
    not be asked and this is the last good report.
    """
    form = "json" if as_json else form
    _check(by, form)
    if cron:
        from kvx.commands.cost_cron import from_cron

        from_cron(folder, budget)
        return
    from kvx.world import real_world

    world = real_world(lambda words: print(words, file=sys.stderr))
    found = costs(folder, month, world, budget=budget, cluster=not no_cluster)
    keep(found)
    print(_told(found, by, form, gross=gross))
    talk(found, form)
    code = exit_code(found.report)
    if code is not ExitCode.DONE:
        raise typer.Exit(int(code))


def keep(found: Costs) -> None:
    """The last good report stays when a later one is not."""
    if exit_code(found.report) is not ExitCode.INCOMPLETE:
        from kvx.drivers.cost_telling import write_report

        write_report(found.folder / "report.json", json.dumps(document_of(found.report), indent=2) + "\n")


def talk(found: Costs, form: str) -> None:
    """On stderr: what is not well, and what the cluster did not say."""
    words = [*found.wrong, *(talk_of(found.report) if form == "table" else ())]
    for each in words:
        print(each, file=sys.stderr)


def _check(by: str, form: str) -> None:
    for value, name, allowed in ((by, "--by", BY), (form, "--format", FORMATS)):
        if value not in allowed:
            message = f"{name} is {value!r}"
            raise KvxError(message, f"one of {', '.join(allowed)}", ExitCode.USAGE)


def _told(found: Costs, by: str, form: str, *, gross: bool) -> str:
    match form:
        case "json":
            return json.dumps(document_of(found.report), indent=2)
        case "csv":
            return as_csv(found.report).rstrip("\n")
        case "focus":
            return as_focus(found.report).rstrip("\n")
        case "markdown":
            return as_markdown(found.report).rstrip("\n")
        case "figures":
            from kvx.commands.cost_cron import figures_of

            return figures_of(found, 0).rstrip("\n")
    return "\n".join(lines_of(found.report, by, gross=gross))
