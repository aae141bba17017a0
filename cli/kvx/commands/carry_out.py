"""Carries a plan out and tells of it, or prints it and does nothing."""

import json
from typing import TYPE_CHECKING

from kvx.commands.last_lines import ending_of, last_lines
from kvx.commands.letter import as_data, letter
from kvx.deployment import Deployment
from kvx.plan import Plan

if TYPE_CHECKING:
    from kvx.commands.nodes_changes import NodesChanges
    from kvx.execute import Result


def print_plan(plan: Plan, schema: str | None, *, check: bool = False) -> None:
    """The plan as a letter, or as one object under `schema`; what it needs of Hetzner is looked up.

    `check` asks the machines as well what would be changed on them; raises a KvxError with exit code 4,
    after the plan is printed, where they could not tell.
    """
    from kvx.commands.machines import machines_of

    machines = machines_of(plan)
    nodes = _nodes_changes(plan) if check else None
    if schema is None:
        about = () if machines is None else machines.paragraphs
        print(letter(plan, (*about, *((nodes.paragraph,) if nodes else ()))))
    else:
        told: dict[str, object] = {} if machines is None else {"machines": machines.data}
        told |= {} if nodes is None else {"nodes": nodes.data}
        print(json.dumps({"schema": schema, **plan_data(plan), **told}))
    if nodes is not None and nodes.refusal is not None:
        raise nodes.refusal


def _nodes_changes(plan: Plan) -> "NodesChanges | None":
    from kvx.commands.nodes_changes import nodes_changes_of
    from kvx.commands.screen import report_for

    report = report_for(None)
    try:
        return nodes_changes_of(plan, report)
    finally:
        report.close()


def run(
    plan: Plan, deployment: Deployment, command: str, wait_for_lock_seconds: float, schema: str | None
) -> None:
    """Carry the plan out and tell of it: JSON lines under `schema`, words for people without one."""
    result = carried_out(plan, deployment, command, wait_for_lock_seconds, schema)
    if schema is None:
        print("\n".join(last_lines(result.changed, result.data, ending_of(plan))))


def carried_out(
    plan: Plan, deployment: Deployment, command: str, wait_for_lock_seconds: float, schema: str | None
) -> "Result":
    """What came of it, told while it happened; for programs its last line is printed, too."""
    from kvx import drivers
    from kvx.commands.screen import report_for
    from kvx.execute import Call, execute
    from kvx.world import real_world

    report = report_for(schema)
    try:
        call = Call(command, wait_for_lock_seconds)
        result = execute(plan, deployment, drivers, report, real_world(), call=call)
    finally:
        report.close()
    if schema:
        end = {"run": result.run, "changed": result.changed, "data": result.data, "exit_code": 0}
        print(json.dumps({"schema": schema, "event": "result", **end}))
    return result


def plan_data(plan: Plan) -> dict[str, object]:
    """The plan as one object, without its schema."""
    phases = [
        {
            "phase": phase.name,
            "summary": phase.summary,
            "steps": [as_data(step) for step in phase.steps],
            "undo": [as_data(step) for step in phase.undo],
        }
        for phase in plan.phases
    ]
    return {"event": "plan", "target": plan.target, "phases": phases}
