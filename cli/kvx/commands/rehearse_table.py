"""What stands in a rehearsal, as lines for a person."""

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kvx.drivers.rehearsal import Simulation


def lines(simulation: "Simulation", found: Mapping[str, Any], *, hosts: bool) -> list[str]:
    behind = "; its servers are real hosts" if hosts else ""
    head = f"Hetzner is simulated at {simulation.address}, process {simulation.process.pid}{behind}."
    alive = found.get("resources", [])
    if not alive:
        return [head, "Nothing stands in it."]
    rows = [_row(each) for each in alive]
    whole = f"  {'together, a month, net, if it were real':<66}{found['monthly_net']:>8} {found['currency']}"
    return [head, *rows, whole]


def _row(resource: Mapping[str, Any]) -> str:
    kind = str(resource["kind"]).replace("_", " ")
    detail = " ".join(str(resource[key]) for key in ("type", "status") if resource.get(key))
    price = resource["monthly_net"]
    shown = "unknown" if price is None else f"{Decimal(price):.2f}"
    return f"  {kind:<16}{resource['name']:<30}{detail:<20}{shown:>8}"
