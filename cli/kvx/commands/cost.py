"""kvx cost: what stands at Hetzner costs, until now and before it is made; the table of its commands."""

import typer

from kvx.commands.cost_before import plan, whatif
from kvx.commands.cost_expose import expose
from kvx.commands.cost_later import advise, break_even, forecast, import_invoice, orphans
from kvx.commands.cost_ordered import ordered
from kvx.commands.cost_report import report

app = typer.Typer(
    help="What it costs: until now, by the month's end, and before it is made.",
    add_completion=False,
    rich_markup_mode=None,
)
for called in (report, plan, forecast, whatif, orphans, break_even, advise, import_invoice, ordered, expose):
    app.command(called.__name__.replace("_", "-"))(called)


@app.callback()
def cost() -> None:
    """Say what it costs: until now, by the month's end, and before it is made."""
