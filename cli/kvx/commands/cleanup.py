"""kvx cleanup: takes a deployment away, with all it left on this machine."""

import json
import sys

from kvx.commands.flags import Folder, Json, Target, WaitForLock, Yes, deployment_from
from kvx.commands.screen import asked, report_for
from kvx.deployment import Deployment
from kvx.errors import ExitCode, KvxError
from kvx.plan import Plan
from kvx.targets import plan_for

SCHEMA = "kvx/cleanup/v1"


def cleanup(
    target: Target = None,
    folder: Folder = None,
    wait_for_lock: WaitForLock = 0,
    *,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Take the deployment away again.

    Its process, its port and every file under .kvx/; it asks first.
    """
    deployment = deployment_from(folder, target)
    plan = plan_for(deployment)
    if not yes:
        _ask(plan, deployment)
    removed = _undo(plan, deployment, wait_for_lock, SCHEMA if as_json else None)
    if as_json:
        end = {"target": plan.target, "removed": removed, "exit_code": 0}
        print(json.dumps({"schema": SCHEMA, "event": "result", **end}))
    elif removed:
        print(f"The target {plan.target} is taken away; nothing is left of it.")
    else:
        print(f"There is nothing to take away: the target {plan.target} is not deployed here.")


def _ask(plan: Plan, deployment: Deployment) -> None:
    """Raises a KvxError with exit code 3 where nobody can be asked, and with 1 for anything but yes."""
    if not plan.undo:
        return
    if not sys.stdin.isatty():
        message = "kvx cleanup asks before it removes anything, and there is no terminal to ask on"
        raise KvxError(message, "kvx cleanup --yes", ExitCode.MISSING)
    for step in plan.undo:
        print(f"  {step.words}", file=sys.stderr)
    if not asked(f"Take the target {plan.target} away from {deployment.settings.folder}?"):
        raise KvxError("nothing was removed", "kvx cleanup, and answer yes")


def _undo(plan: Plan, deployment: Deployment, wait_for_lock_seconds: float, schema: str | None) -> bool:
    """Whether there was something to remove."""
    from kvx import drivers
    from kvx.execute import Call, undo
    from kvx.world import real_world

    report = report_for(schema)
    try:
        call = Call("kvx cleanup", wait_for_lock_seconds)
        result = undo(plan, deployment, drivers, report, real_world(), call=call)
    finally:
        report.close()
    return bool(result.done)
