"""kvx terraform, ansible, images, kubernetes: one phase of a target alone."""

from collections.abc import Callable
from dataclasses import replace

from kvx.commands.deploy import run
from kvx.commands.flags import Folder, Json, Target, WaitForLock, deployment_from
from kvx.deployment import Deployment
from kvx.errors import ExitCode, KvxError
from kvx.plan import Plan
from kvx.targets import plan_for, target_names

# The word that people know for it, and the phase.
PHASES = {"terraform": "provision", "ansible": "configure", "images": "images", "kubernetes": "manifests"}


def _phase_command(command: str, summary: str) -> Callable[..., None]:
    """The function behind `kvx COMMAND`."""

    def only_this_phase(
        target: Target = None, folder: Folder = None, wait_for_lock: WaitForLock = 0, *, as_json: Json = False
    ) -> None:
        deployment = _with_phase(PHASES[command], deployment_from(folder, target), chosen=target is not None)
        plan = _only(PHASES[command], plan_for(deployment))
        _refuse_later(command, plan)
        run(plan, deployment, f"kvx {command}", wait_for_lock, f"kvx/{command}/v1" if as_json else None)

    only_this_phase.__doc__ = summary
    return only_this_phase


def _with_phase(phase: str, deployment: Deployment, *, chosen: bool) -> Deployment:
    """The deployment meant: the chosen target, else the first one that has the phase."""
    others = [replace(deployment, target=name) for name in target_names() if not chosen]
    for candidate in (deployment, *others):
        if any(each.name == phase for each in plan_for(candidate).phases):
            return candidate
    message = f"the target {deployment.target} has no phase {phase}"
    raise KvxError(message, f"kvx deploy --target {deployment.target}", ExitCode.MISSING)


def _only(phase: str, plan: Plan) -> Plan:
    return replace(plan, phases=tuple(each for each in plan.phases if each.name == phase))


def _refuse_later(command: str, plan: Plan) -> None:
    for phase in plan.missing:
        message = f"kvx {command} is not in this version of kvx; a later one brings {phase.arrives}"
        raise KvxError(message, "kvx deploy --target local", ExitCode.MISSING)


terraform = _phase_command("terraform", "Make the machines alone.")
ansible = _phase_command("ansible", "Configure the machines alone.")
images = _phase_command("images", "Build the images alone.")
kubernetes = _phase_command("kubernetes", "Apply the manifests alone.")
