"""kvx drift: whether the machines are still as planned; for people, and for cron."""

import json
import sys
from collections.abc import Iterator

import typer

from kvx.commands.flags import Folder, Json
from kvx.commands.machines import place_machines
from kvx.commands.phase import alone
from kvx.commands.typed import typed
from kvx.errors import ExitCode
from kvx.machines.adoption import Adoption
from kvx.steps.machines import AdoptMachines, ApplyMachines

SCHEMA = "kvx/drift/v1"


def drift(folder: Folder = None, *, as_json: Json = False) -> None:
    """Tell whether the machines are still as planned. Exit code 0: they are; 4: something differs.

    Terraform compares, the machines are only read; kvx deploy brings back what was planned.
    """
    plan, _ = alone("terraform", folder)
    from kvx.drivers import account_record, drifting
    from kvx.world import real_world

    place, world = place_machines(plan), real_world()
    account_record.check(place.folder, place.account)
    apply = next(step for step in plan.steps if isinstance(step, ApplyMachines))
    adopting = next(step for step in plan.steps if isinstance(step, AdoptMachines))
    planned = [(each.thing, each.words) for each in drifting.differences(apply, world)]
    unknown = drifting.unknown_to_the_state(adopting, world)
    _tell(list(dict.fromkeys((*planned, *_beside_the_plan(unknown)))), as_json=as_json)


def _beside_the_plan(found: Adoption) -> Iterator[tuple[str, str]]:
    """What Terraform does not see: it knows only its state, and no machine's power switch."""
    for missing in found.imports:
        yield missing.address, "is ours, and missing from the state"
    for unfinished in found.unfinished:
        yield f"server {unfinished.server.node}", f"is {unfinished.server.status}"
    for surplus in found.surplus:
        yield f"{surplus.kind.replace('_', ' ')} {surplus.name}", "is ours, and nothing wants it"


def _tell(found: list[tuple[str, str]], *, as_json: bool) -> None:
    code = ExitCode.INCOMPLETE if found else ExitCode.DONE
    if as_json:
        rows = [{"what": what, "words": words} for what, words in found]
        print(
            json.dumps({"schema": SCHEMA, "drift": bool(found), "differences": rows, "exit_code": int(code)})
        )
    elif found:
        print("\n".join(f"{what} {words}" for what, words in found))
        count = "One thing differs" if len(found) == 1 else f"{len(found)} things differ"
        fix = typed("kvx deploy --target hetzner --to provision")
        print(f"{count} from the plan.\nfix: {fix}", file=sys.stderr)
    else:
        print("The machines are as planned.")
    if found:
        raise typer.Exit(int(code))
