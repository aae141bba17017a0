"""kvx adopt: takes over machines that carry the cluster's label and are missing from Terraform's state."""

import json
import sys
from collections.abc import Iterator

from kvx.commands.agree import agree
from kvx.commands.carry_out import run
from kvx.commands.flags import DryRun, Folder, Json, WaitForLock, Yes
from kvx.commands.machines import place_machines
from kvx.commands.phase import alone
from kvx.machines.adoption import Adoption
from kvx.plan import Plan
from kvx.steps.machines import AdoptMachines

SCHEMA = "kvx/adopt/v1"


def adopt(
    *,
    dry_run: DryRun = False,
    folder: Folder = None,
    wait_for_lock: WaitForLock = 0,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Take over machines that are missing from Terraform's state.

    What carries the cluster's label is imported, what is half made finished or made anew; the rest of
    the provision phase follows, so that state, machines and hand-over agree. Asks before money.
    """
    plan, deployment = alone("terraform", folder)
    if dry_run:
        _print(plan, as_json=as_json)
        return
    agree(plan, yes=yes)
    _begin_anew_where_the_state_is_damaged(plan)
    run(plan, deployment, "kvx adopt", wait_for_lock, SCHEMA if as_json else None)


def _begin_anew_where_the_state_is_damaged(plan: Plan) -> None:
    from kvx.drivers.terraform_adopting import set_damaged_state_aside
    from kvx.world import real_world

    step = next(step for step in plan.steps if isinstance(step, AdoptMachines))
    set_damaged_state_aside(step, real_world(lambda words: print(words, file=sys.stderr)))


def _print(plan: Plan, *, as_json: bool) -> None:
    from kvx.drivers import account_record, drifting
    from kvx.world import real_world

    place = place_machines(plan)
    account_record.check(place.folder, place.account)
    step = next(step for step in plan.steps if isinstance(step, AdoptMachines))
    found = drifting.unknown_to_the_state(step, real_world(), damaged_is_none=True)
    if as_json:
        print(json.dumps({"schema": SCHEMA, "event": "plan", **_data(found)}))
    else:
        print("\n".join(_lines(found, step.fleet.cluster)))


def _lines(found: Adoption, cluster: str) -> Iterator[str]:
    yield f"kvx adopt looks for what carries kvx/cluster={cluster}. Nothing has been done yet."
    if not (found.imports or found.unfinished or found.surplus):
        yield "The state knows all of it, and every machine runs."
    for each in found.imports:
        yield f"  import   {each.address}, id {each.id}"
    for unfinished in found.unfinished:
        yield f"  {unfinished.remedy:<8} server {unfinished.server.name}, which is {unfinished.server.status}"
    for surplus in found.surplus:
        yield f"  unwanted {surplus.kind.replace('_', ' ')} {surplus.name}"


def _data(found: Adoption) -> dict[str, object]:
    return {
        "imports": [{"address": each.address, "id": each.id} for each in found.imports],
        "unfinished": [
            {"name": each.server.name, "status": each.server.status, "remedy": each.remedy}
            for each in found.unfinished
        ],
        "unwanted": [{"kind": each.kind, "name": each.name, "id": each.id} for each in found.surplus],
    }
