"""Makes the machines: plan, look, apply exactly that plan, and see for itself that they run."""

import random
import re

from kvx.drivers import hetzner_placing, state_disk, state_guard, state_lock, workspace
from kvx.drivers.hetzner import Hetzner
from kvx.drivers.hetzner_decision import digest_of
from kvx.drivers.terraform import Terraform
from kvx.drivers.terraform_adopting import adopt, forget_imports
from kvx.drivers.terraform_failures import Trouble, troubles_of
from kvx.drivers.terraform_plan import SavedPlan, forget_plan, fresh_plan, is_initialised
from kvx.drivers.terraform_running import Ended
from kvx.drivers.waiting import wait_until
from kvx.errors import ExitCode, KvxError
from kvx.machines.fleet import Place
from kvx.steps.machines import ApplyMachines
from kvx.world import Outcome, World

_PLAN_SECONDS = 120.0
_REPEATS = 3
_FIRST_PAUSE_SECONDS = 2.0
_RUN_SECONDS = 120.0
_LOOK_AGAIN_SECONDS = 1.0


def is_done(step: ApplyMachines, world: World) -> bool:
    """Whether there is a whole state, and a plan of this minute that changes nothing."""
    terraform = _terraform(step, world)
    if not is_initialised(terraform.workspace):
        return False
    with terraform.alone(wait=False) as free:
        state = state_guard.whole_state(terraform) if free else None
        if state is None:
            return False
        plan = fresh_plan(terraform, state, _PLAN_SECONDS, locked=False)
    return isinstance(plan, SavedPlan) and not plan.changes


def perform(step: ApplyMachines, world: World) -> Outcome:
    """Apply until there is nothing left to change; what can be tried again is, a bounded number of times."""
    applying = _Applying(step, world)
    with applying.terraform.alone():
        while troubles := applying.once():
            applying.answer(troubles)
    _see_that_they_run(step, world)
    return Outcome(changed=applying.changed)


class _Applying:
    """One perform: what was tried, and what is left to try."""

    def __init__(self, step: ApplyMachines, world: World) -> None:
        self.terraform = _terraform(step, world)
        self.changed = False
        self._step, self._world = step, world
        self._end = world.monotonic() + step.deadline_seconds
        self._repeats = 0
        self._broken_off = state_guard.was_broken_off(self.terraform.folder)
        self._adopted = False
        self._refused: frozenset[Place] = frozenset()

    def once(self) -> tuple[Trouble, ...]:
        """Plan and apply; what went wrong, nothing when all is well."""
        state = state_guard.whole_state(self.terraform)
        plan = fresh_plan(self.terraform, state, self._left)
        if isinstance(plan, Ended):
            return troubles_of(plan)
        if not plan.changes:
            return ()
        self._world.progress(plan.words)
        ended = self._apply()
        if ended.code == 0:
            forget_imports(self.terraform)
            return ()
        return troubles_of(ended)

    def answer(self, troubles: tuple[Trouble, ...]) -> None:
        """Do what can help; raises the KvxError of the trouble where nothing can."""
        worst = troubles[0]
        match worst.kind:
            case "transient" | "lost" | "stale":
                self._wait_before_again(worst)
            case "capacity":
                self._place_elsewhere(troubles)
            case "taken" if not self._adopted:
                self._adopted = True
            case "locked" if state_lock.released(self.terraform, worst, broken_off=self._broken_off):
                self._broken_off = False
                return
            case _:
                raise worst.error
        adopt(self.terraform, self._step.fleet)

    def _apply(self) -> Ended:
        folder = self.terraform.folder
        state_disk.prepare(folder)
        try:
            with state_guard.writing(self.terraform):
                self.changed = True
                ended = self.terraform.apply(
                    self._left, lambda: state_disk.is_filling_up(folder, self._world)
                )
        finally:
            forget_plan(self.terraform)
        if ended.stopped and ended.code:
            raise state_disk.is_full(folder)
        return ended

    def _wait_before_again(self, trouble: Trouble) -> None:
        self._repeats += 1
        pause = _FIRST_PAUSE_SECONDS**self._repeats * random.uniform(0.5, 1.0)  # noqa: S311  no secret
        if self._repeats > _REPEATS or pause >= self._left:
            raise trouble.error
        self._world.progress(f"{trouble.error.message}; trying again in {pause:.0f} s")
        wait_until(lambda: False, pause, self._world)

    def _place_elsewhere(self, troubles: tuple[Trouble, ...]) -> None:
        """Cross out the places that were refused, and have the pre-flight choose anew."""
        step = self._step
        placed = workspace.placement(step.folder).nodes
        keys = [_key(trouble) for trouble in troubles if trouble.kind == "capacity"]
        refused = frozenset(placed[key].place for key in keys if key in placed)
        if not refused - self._refused:
            raise troubles[0].error
        self._refused |= refused
        for place in sorted(refused):
            self._world.progress(f"Hetzner has no {place} now: the next place is tried")
        found = hetzner_placing.look(
            step.account, step.fleet, step.limits, self._world, self._refused, folder=step.folder
        )
        if found.placement is None or found.refusal is not None:
            raise found.refusal or troubles[0].error
        digest = digest_of(step.account, step.fleet, step.limits)
        hetzner_placing.keep(step.folder, digest, found, self._world)
        workspace.write_placement(step.folder, found.placement)

    @property
    def _left(self) -> float:
        left = self._end - self._world.monotonic()
        if left <= 0:
            message = f"the machines were not made within {self._step.deadline_seconds:g} s"
            raise KvxError(message, "run the same command again; it goes on from here", ExitCode.INCOMPLETE)
        return left


def _key(trouble: Trouble) -> str:
    """The node that a resource belongs to, empty for what belongs to none."""
    found = re.search(r'\["(.+)"\]$', trouble.address or "")
    return found[1] if found else ""


def _see_that_they_run(step: ApplyMachines, world: World) -> None:
    """By what Hetzner says, not by how Terraform ended."""
    hetzner = Hetzner(step.account, world)
    wanted = {node.key: node.name for node in step.fleet.nodes}
    missing: list[str] = []
    look_at = [world.monotonic()]

    def all_run() -> bool:
        if world.monotonic() < look_at[0]:
            return False
        look_at[0] = world.monotonic() + _LOOK_AGAIN_SECONDS
        nodes = hetzner.live(step.fleet.cluster).nodes
        missing[:] = [
            f"{name} ({nodes[key].status if key in nodes else 'not there'})"
            for key, name in wanted.items()
            if key not in nodes or nodes[key].status != "running"
        ]
        return not missing

    if not wait_until(all_run, _RUN_SECONDS, world):
        message = f"Terraform is done, and these do not run: {', '.join(missing)}"
        raise KvxError(message, "kvx adopt finishes or replaces them", ExitCode.INCOMPLETE)


def _terraform(step: ApplyMachines, world: World) -> Terraform:
    return Terraform(step.folder / "terraform", step.account, step.backend, world)
