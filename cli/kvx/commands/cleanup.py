"""kvx cleanup: takes a deployment away, with all it left on this machine."""

import json
import sys
from typing import Annotated

import typer

from kvx.commands.cleanup_machines import Doomed, agree_to_destroy, doomed_by, lines_of
from kvx.commands.flags import Folder, Json, Target, WaitForLock, Yes, deployment_from
from kvx.commands.letter import as_data
from kvx.commands.screen import asked, report_for
from kvx.deployment import Deployment
from kvx.errors import ExitCode, KvxError
from kvx.plan import Plan
from kvx.targets import plan_for

SCHEMA = "kvx/cleanup/v1"


YesDestroy = Annotated[
    str | None,
    typer.Option("--yes-destroy", metavar="CLUSTER", help="Delete the machines of this cluster, unasked."),
]


def cleanup(
    target: Target = None,
    folder: Folder = None,
    wait_for_lock: WaitForLock = 0,
    *,
    yes: Yes = False,
    yes_destroy: YesDestroy = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, do nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Take the deployment away again.

    Its process, its port and every file under .kvx/; of the target hetzner every machine, and all else
    that carries the cluster's label. It asks first: for machines, their cluster's name is wanted.
    """
    deployment = deployment_from(folder, target, wait_for_lock)
    plan = plan_for(deployment)
    doomed = doomed_by(plan)
    if dry_run:
        _print_plan(plan, doomed, as_json=as_json)
        return
    if doomed is not None and doomed.resources:
        print("\n".join(lines_of(doomed)), file=sys.stderr)
        agree_to_destroy(doomed, name=yes_destroy, yes=yes)
    elif not yes and yes_destroy is None and (doomed is None or deployment.folder.exists()):
        _ask(plan, deployment)
    removed, said = _undo(plan, deployment, wait_for_lock, SCHEMA if as_json else None)
    if as_json:
        end = {"target": plan.target, "removed": removed, "data": said, "exit_code": 0}
        print(json.dumps({"schema": SCHEMA, "event": "result", **end}))
    elif removed:
        print(f"The target {plan.target} is taken away; nothing is left of it.")
    else:
        print(f"There is nothing to take away: the target {plan.target} is not deployed here.")


def _print_plan(plan: Plan, doomed: Doomed | None, *, as_json: bool) -> None:
    if as_json:
        steps = [as_data(step) for step in plan.undo]
        machines = {} if doomed is None else {"machines": doomed.data}
        print(
            json.dumps({"schema": SCHEMA, "event": "plan", "target": plan.target, "steps": steps, **machines})
        )
        return
    words = [f"  {step.words}" for step in plan.undo]
    head = f"kvx cleanup takes the target {plan.target} away. Nothing has been done yet."
    print("\n".join((head, *words, *(("", *lines_of(doomed)) if doomed else ()))))


def _ask(plan: Plan, deployment: Deployment) -> None:
    """Raises a KvxError with exit code 3 where nobody can be asked, and with 1 for anything but yes."""
    if not plan.undo:
        return
    if not sys.stdin.isatty():
        message = "kvx cleanup asks before it removes anything, and there is no terminal to ask on"
        raise KvxError(message, f"kvx cleanup{_flag(plan)} --yes", ExitCode.MISSING)
    for step in plan.undo:
        print(f"  {step.words}", file=sys.stderr)
    if not asked(f"Take the target {plan.target} away from {deployment.settings.folder}?"):
        raise KvxError("nothing was removed", f"kvx cleanup{_flag(plan)}, and answer yes")


def _flag(plan: Plan) -> str:
    return "" if plan.target == "local" else f" --target {plan.target}"


def _undo(
    plan: Plan, deployment: Deployment, wait_for_lock_seconds: float, schema: str | None
) -> tuple[bool, dict[str, object]]:
    """Whether there was something to remove, and what the steps found out."""
    from kvx import drivers
    from kvx.execute import Call, undo
    from kvx.world import real_world

    report = report_for(schema)
    try:
        call = Call("kvx cleanup", wait_for_lock_seconds)
        result = undo(plan, deployment, drivers, report, real_world(), call=call)
    finally:
        report.close()
    return bool(result.done), result.data
