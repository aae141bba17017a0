"""kvx deploy: carries out the plan of a target, or prints it."""

import difflib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from kvx.commands.flags import Folder, Json, Target, WaitForLock, Yes, deployment_of
from kvx.commands.letter import as_data, letter
from kvx.commands.typed import typed
from kvx.deployment import Deployment
from kvx.errors import ExitCode, KvxError
from kvx.plan import Plan
from kvx.settings.load import load
from kvx.targets import plan_for

SCHEMA = "kvx/deploy/v1"


def deploy(
    *,
    target: Target = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan, do nothing.")] = False,
    from_phase: Annotated[str | None, typer.Option("--from", metavar="PHASE", help="Begin there.")] = None,
    host: Annotated[str | None, typer.Option(help="Address to serve on.", show_default="127.0.0.1")] = None,
    port: Annotated[int | None, typer.Option(help="Port to serve on.", show_default="a free one")] = None,
    metrics_port: Annotated[
        int | None, typer.Option(help="Port of the figures.", show_default="a free one")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Name or folder of the speech model.", show_default="embedded")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(help="Threads for the model.", show_default="by machine")
    ] = None,
    voice: Annotated[str | None, typer.Option(help="Voice of spoken replies.")] = None,
    kubeconfig: Annotated[Path | None, typer.Option(help="Kubeconfig of the cluster spoken to.")] = None,
    context: Annotated[str | None, typer.Option(help="Context in the kubeconfig.")] = None,
    folder: Folder = None,
    wait_for_lock: WaitForLock = 0,
    yes: Yes = False,  # noqa: ARG001  # no target asks anything yet, and scripts may say it already
    as_json: Json = False,
) -> None:
    """Put the voice API up and speak to it.

    Ends with what it heard, what it did, its address and the next command; run again, it goes on from
    where it was broken off, and changes nothing where nothing has to be changed.
    """
    flags = {
        "folder": folder,
        "target": target,
        "voice.host": host,
        "voice.port": port,
        "voice.metrics_port": metrics_port,
        "voice.model": model,
        "voice.threads": threads,
        "voice.voice": voice,
        "voice.kubeconfig": kubeconfig,
        "voice.context": context,
    }
    deployment = deployment_of(load(flags))
    plan = beginning_at(plan_for(deployment), from_phase)
    if dry_run:
        print(json.dumps(_plan_data(plan)) if as_json else letter(plan))
        refuse_later_phases(plan)
        return
    refuse_later_phases(plan)
    run(plan, deployment, "kvx deploy", wait_for_lock, SCHEMA if as_json else None)


def run(
    plan: Plan, deployment: Deployment, command: str, wait_for_lock_seconds: float, schema: str | None
) -> None:
    """Carry the plan out and tell of it: JSON lines under `schema`, words for people without one."""
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
    else:
        print("\n".join(last_lines(result.run is None, result.data)))


def last_lines(nothing_changed: bool, data: Mapping[str, object]) -> tuple[str, ...]:
    """What a deploy ends with: what was heard, the intent, the answer, the address, the next command."""
    known = [(words, data[key]) for key, words in LAST_WORDS.items() if data.get(key) is not None]
    head = ("Nothing had to be changed.",) if nothing_changed else ()
    return (*head, *(f"{words:<9} {value}" for words, value in known), typed(NEXT))


LAST_WORDS = {
    "heard": "heard",
    "intent": "intent",
    "reply": "answer",
    "notice": "note",
    "address": "address",
}
NEXT = 'next      kvx say "how many pods are not ready"'


def beginning_at(plan: Plan, phase: str | None) -> Plan:
    """The plan from one phase on; raises a KvxError with exit code 2 where it has no such phase."""
    if phase is None:
        return plan
    names = [each.name for each in plan.phases]
    if phase not in names:
        near = difflib.get_close_matches(phase, names, 1) or names
        message = f"the target {plan.target} has no phase {phase!r}, only {', '.join(names)}"
        raise KvxError(message, f"kvx deploy --target {plan.target} --from {near[0]}", ExitCode.USAGE)
    return replace(plan, phases=plan.phases[names.index(phase) :])


def refuse_later_phases(plan: Plan) -> None:
    """Raises a KvxError with exit code 3 where the plan needs what this version does not bring."""
    if plan.missing:
        names = ", ".join(phase.name for phase in plan.missing)
        message = f"the target {plan.target} is not in this version of kvx: it lacks the phases {names}"
        raise KvxError(message, "kvx deploy --target local", ExitCode.MISSING)


def _plan_data(plan: Plan) -> dict[str, object]:
    phases = [
        {
            "phase": phase.name,
            "summary": phase.summary,
            "arrives": phase.arrives,
            "steps": [as_data(step) for step in phase.steps],
            "undo": [as_data(step) for step in phase.undo],
        }
        for phase in plan.phases
    ]
    return {"schema": SCHEMA, "event": "plan", "target": plan.target, "phases": phases}
