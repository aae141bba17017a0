"""Takes a cluster away: what its controllers made, what Terraform made, what is left; then proves it."""

from kvx.drivers import hetzner_sweep as sweeping
from kvx.drivers import state_disk, state_guard, state_lock
from kvx.drivers.hetzner import words
from kvx.drivers.terraform import Terraform
from kvx.drivers.terraform_adopting import forget_imports
from kvx.drivers.terraform_failures import troubles_of
from kvx.drivers.terraform_plan import forget_plan, is_initialised
from kvx.drivers.terraform_running import Ended
from kvx.errors import ExitCode, KvxError
from kvx.steps.machines import DestroyMachines
from kvx.world import Outcome, World

_LEFT_FOR_SWEEPING_SECONDS = 120.0


def is_done(step: DestroyMachines, world: World) -> bool:
    """Whether nothing of the cluster is at Hetzner, and no state says otherwise."""
    terraform = _terraform(step, world)
    if not step.folder.is_dir():
        return not sweeping.leftovers(step.account, step.fleet.cluster, world)
    with terraform.alone(wait=False) as free:
        if not free or state_guard.is_known(terraform.folder):
            return False
    return not sweeping.leftovers(step.account, step.fleet.cluster, world)


def perform(step: DestroyMachines, world: World) -> Outcome:
    """Delete in the order that works; a state that is lost or damaged only makes the sweep do more."""
    end = world.monotonic() + step.deadline_seconds - _LEFT_FOR_SWEEPING_SECONDS
    account, cluster = step.account, step.fleet.cluster
    terraform = _terraform(step, world)
    step.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with terraform.alone():
        made = sweeping.remove_controllers_things(account, cluster, world, lift_protection=True)
        if is_initialised(terraform.workspace):
            _destroy(terraform, max(end - world.monotonic(), 1.0))
        swept = sweeping.sweep(account, cluster, world, lift_protection=True)
        state_guard.forget(terraform)
    removed = (*made, *swept.removed)
    lines = [f"deleted {words(each)}, which Terraform did not know" for each in removed]
    lines += [f"left {words(each)}: nothing shows that it is ours" for each in swept.in_doubt]
    lines.append("Hetzner was asked again: nothing of the cluster is left, nothing of it is billed")
    return Outcome(changed=True, lines=tuple(lines), data={"left_in_doubt": len(swept.in_doubt)})


def _destroy(terraform: Terraform, deadline_seconds: float) -> None:
    """As far as Terraform comes; what it leaves is swept."""
    world = terraform.world
    try:
        state = state_guard.whole_state(terraform)
    except KvxError as error:
        world.progress(f"{error.message}; what carries the label is deleted without it")
        return
    if state is None or not state.resources:
        return
    forget_imports(terraform)
    forget_plan(terraform)
    try:
        broken_off = state_guard.was_broken_off(terraform.folder)
        ended = _destroyed(terraform, deadline_seconds)
        if ended.code and state_lock.released(terraform, troubles_of(ended)[0], broken_off=broken_off):
            ended = _destroyed(terraform, deadline_seconds)
        if ended.code:
            world.progress(f"{troubles_of(ended)[0].error.message}; the rest is deleted by its label")
    except KvxError as error:
        if error.exit_code is ExitCode.INTERRUPTED:
            raise
        world.progress(f"{error.message}; the rest is deleted by its label")


def _destroyed(terraform: Terraform, deadline_seconds: float) -> Ended:
    folder, world = terraform.folder, terraform.world
    with state_guard.writing(terraform):
        return terraform.destroy(deadline_seconds, lambda: state_disk.is_filling_up(folder, world))


def _terraform(step: DestroyMachines, world: World) -> Terraform:
    return Terraform(step.folder / "terraform", step.account, step.backend, world)
