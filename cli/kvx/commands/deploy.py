"""kvx deploy: carries out the plan of a target, or prints it."""

from pathlib import Path
from typing import Annotated

import typer

from kvx.commands.agree import agree
from kvx.commands.carry_out import print_plan, run
from kvx.commands.cut import beginning_at, ending_with
from kvx.commands.flags import (
    Check,
    DryRun,
    Folder,
    Json,
    MaxIncrease,
    MaxMonthly,
    Target,
    WaitForCapacity,
    WaitForLock,
    Yes,
    deployment_of,
)
from kvx.settings.load import load
from kvx.targets import plan_for

SCHEMA = "kvx/deploy/v1"


def deploy(
    *,
    target: Target = None,
    dry_run: DryRun = False,
    check: Check = False,
    from_phase: Annotated[str | None, typer.Option("--from", metavar="PHASE", help="Begin there.")] = None,
    to_phase: Annotated[str | None, typer.Option("--to", metavar="PHASE", help="End with it.")] = None,
    max_monthly: MaxMonthly = None,
    max_increase: MaxIncrease = None,
    wait_for_capacity: WaitForCapacity = None,
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
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Put the voice API up and speak to it.

    Ends with what it heard, what it did, its address and the next command; run again, it goes on from
    where it was broken off, and changes nothing where nothing has to be changed.
    """
    flags = {
        "folder": folder,
        "target": target,
        "hetzner.max_monthly": max_monthly,
        "hetzner.max_increase": max_increase,
        "hetzner.wait_for_capacity": wait_for_capacity,
        "voice.host": host,
        "voice.port": port,
        "voice.metrics_port": metrics_port,
        "voice.model": model,
        "voice.threads": threads,
        "voice.voice": voice,
        "voice.kubeconfig": kubeconfig,
        "voice.context": context,
    }
    deployment = deployment_of(load(flags), wait_for_lock)
    plan = ending_with(beginning_at(plan_for(deployment), from_phase), to_phase)
    if dry_run or check:
        print_plan(plan, SCHEMA if as_json else None, check=check)
        return
    agree(plan, yes=yes)
    run(plan, deployment, "kvx deploy", wait_for_lock, SCHEMA if as_json else None)
