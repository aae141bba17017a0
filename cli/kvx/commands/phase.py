"""kvx terraform, ansible: one phase of a target alone."""

from dataclasses import replace
from pathlib import Path

from kvx.commands.agree import agree
from kvx.commands.carry_out import print_plan, run
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
    deployment_from,
    deployment_of,
)
from kvx.deployment import Deployment
from kvx.errors import ExitCode, KvxError
from kvx.plan import Plan
from kvx.settings.load import load
from kvx.targets import plan_for, target_names

# The word that people know for it, and the phase.
PHASES = {"terraform": "provision", "ansible": "configure", "images": "images", "kubernetes": "manifests"}


def terraform(
    *,
    target: Target = None,
    dry_run: DryRun = False,
    max_monthly: MaxMonthly = None,
    max_increase: MaxIncrease = None,
    wait_for_capacity: WaitForCapacity = None,
    folder: Folder = None,
    wait_for_lock: WaitForLock = 0,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Make the machines alone.

    The provision phase of the target hetzner: it says what the machines cost, and asks before it makes them.
    """
    limits = {
        "hetzner.max_monthly": max_monthly,
        "hetzner.max_increase": max_increase,
        "hetzner.wait_for_capacity": wait_for_capacity,
    }
    deployment = deployment_of(load({"folder": folder, "target": target, **limits}))
    plan, deployment = alone_of("terraform", deployment, chosen=target is not None)
    if dry_run:
        print_plan(plan, "kvx/terraform/v1" if as_json else None)
    else:
        agree(plan, yes=yes)
        run(plan, deployment, "kvx terraform", wait_for_lock, "kvx/terraform/v1" if as_json else None)


def ansible(
    *,
    target: Target = None,
    dry_run: DryRun = False,
    check: Check = False,
    folder: Folder = None,
    wait_for_lock: WaitForLock = 0,
    as_json: Json = False,
) -> None:
    """Configure the machines alone.

    Makes the machines of the target hetzner a cluster; run again, it changes only what differs. --check
    asks them what that would be.
    """
    plan, deployment = alone_of("ansible", deployment_from(folder, target), chosen=target is not None)
    schema = "kvx/ansible/v1" if as_json else None
    if dry_run or check:
        print_plan(plan, schema, check=check)
    else:
        _refuse_without_machines(deployment)
        run(plan, deployment, "kvx ansible", wait_for_lock, schema)


def _refuse_without_machines(deployment: Deployment) -> None:
    """Before a journal is begun."""
    from kvx.drivers.inventory import read_inventory

    read_inventory(deployment.folder)


def alone(command: str, folder: Path | None) -> tuple[Plan, Deployment]:
    """The phase behind `kvx COMMAND` as a plan, of the first target that has it; with its deployment."""
    return alone_of(command, deployment_from(folder), chosen=False)


def alone_of(command: str, deployment: Deployment, *, chosen: bool) -> tuple[Plan, Deployment]:
    """The phase as a plan, with its deployment: the chosen target's, else the first one's that has it."""
    name = PHASES[command]
    for candidate in (deployment, *(replace(deployment, target=each) for each in _others(chosen=chosen))):
        whole = plan_for(candidate)
        phases = tuple(phase for phase in whole.phases if phase.name == name)
        if phases:
            plan = replace(whole, phases=phases)
            return plan, candidate
    message = f"the target {deployment.target} has no phase {name}"
    raise KvxError(message, f"kvx deploy --target {deployment.target}", ExitCode.MISSING)


def _others(*, chosen: bool) -> tuple[str, ...]:
    return () if chosen else target_names()
