"""Finds what is ours and missing from Terraform's state: imported, finished, or made anew."""

import json
from collections.abc import Iterator
from pathlib import Path

from kvx.drivers.files import file_errors, replace_file
from kvx.drivers.hetzner import Hetzner, words
from kvx.drivers.state_guard import forget, whole_state
from kvx.drivers.terraform import Terraform
from kvx.drivers.terraform_plan import forget_plan, is_initialised, ready
from kvx.drivers.waiting import wait_until
from kvx.drivers.workspace import IMPORTS
from kvx.errors import ExitCode, KvxError
from kvx.machines.adoption import Adoption, Import, Unfinished, adoptions
from kvx.machines.catalogue import Live, Resource
from kvx.machines.fleet import Fleet
from kvx.steps.machines import AdoptMachines
from kvx.world import Outcome, World

_FINISH_SECONDS = 90.0
_LOOK_AGAIN_SECONDS = 1.0
# What a smaller fleet gives up without asking; a volume may hold what somebody needs.
_GIVEN_UP = ("server", "primary_ip", "placement_group")


def is_done(step: AdoptMachines, world: World) -> bool:
    """Whether the state knows everything of ours, and every server of ours runs."""
    terraform = _terraform(step, world)
    if not is_initialised(terraform.workspace) or _imports(terraform).exists():
        return False
    with terraform.alone(wait=False) as free:
        if not free:
            return False
        found = _look(terraform, step.fleet, Hetzner(step.account, world).live(step.fleet.cluster))
    return not (found.imports or found.unfinished or any(_given_up(found)))


def perform(step: AdoptMachines, world: World) -> Outcome:
    """Finish or remove what is half made, and have Terraform import what is whole."""
    terraform = _terraform(step, world)
    with terraform.alone():
        ready(terraform, step.deadline_seconds)
        lines = adopt(terraform, step.fleet)
    return Outcome(changed=bool(lines), lines=lines)


def adopt(terraform: Terraform, fleet: Fleet) -> tuple[str, ...]:
    """Write the import blocks that the next plan needs, or none; what was found, in words.

    Raises KvxError where something that is not ours has a name that we need.
    """
    world = terraform.world
    hetzner = Hetzner(terraform.account, world)
    found = _look(terraform, fleet, hetzner.live(fleet.cluster))
    lines = [*_finish(found, hetzner, fleet, world), *_give_up(found, hetzner)]
    if lines:
        found = _look(terraform, fleet, hetzner.live(fleet.cluster))
    _write_imports(_imports(terraform), found.imports)
    lines += [
        f"adopted {each.address} (id {each.id}), which the state did not know" for each in found.imports
    ]
    if lines:
        forget_plan(terraform)
    for line in lines:
        world.progress(line)
    return tuple(lines)


def set_damaged_state_aside(step: AdoptMachines, world: World) -> None:
    """Where a person asks for it: a state that the guard refuses is kept as a copy, and made anew."""
    terraform = _terraform(step, world)
    if not terraform.workspace.is_dir():
        return
    with terraform.alone():
        try:
            whole_state(terraform)
        except KvxError as error:
            if error.exit_code is not ExitCode.INCOMPLETE:
                raise
            aside = forget(terraform)
            kept = f"; what was there is kept as {aside}" if aside else ""
            world.progress(f"{error.message}: it is made anew from the machines that live{kept}")


def forget_imports(terraform: Terraform) -> None:
    """They have been imported."""
    _imports(terraform).unlink(missing_ok=True)


def _look(terraform: Terraform, fleet: Fleet, live: Live) -> Adoption:
    state = whole_state(terraform)
    return adoptions(live, state.resources if state else {}, fleet)


def _finish(found: Adoption, hetzner: Hetzner, fleet: Fleet, world: World) -> Iterator[str]:
    for each in found.unfinished:
        if each.remedy == "power-on":
            hetzner.power_on(each.server)
        if each.remedy != "replace" and _comes_to_run(each, hetzner, fleet, world):
            yield f"{words(each.server)} was {each.server.status} and runs now"
        else:
            hetzner.delete(each.server)
            yield f"{words(each.server)} was left half made ({each.server.status}); it is made anew"


def _comes_to_run(unfinished: Unfinished, hetzner: Hetzner, fleet: Fleet, world: World) -> bool:
    server = unfinished.server
    pause = [world.monotonic()]

    def runs() -> bool:
        if world.monotonic() < pause[0]:
            return False
        pause[0] = world.monotonic() + _LOOK_AGAIN_SECONDS
        now = {each.id: each.status for each in hetzner.live(fleet.cluster).our("server")}
        return now.get(server.id) == "running"

    return wait_until(runs, _FINISH_SECONDS, world)


def _given_up(found: Adoption) -> Iterator[Resource]:
    return (each for each in found.surplus if each.kind in _GIVEN_UP and each.node and not each.protected)


def _give_up(found: Adoption, hetzner: Hetzner) -> Iterator[str]:
    """What an earlier, larger fleet left behind when it was broken off: servers first, they hold the rest."""
    for each in sorted(_given_up(found), key=lambda resource: _GIVEN_UP.index(resource.kind)):
        hetzner.delete(each)
        yield f"deleted {words(each)}: it is ours, and no pool wants it any more"


def _write_imports(path: Path, imports: tuple[Import, ...]) -> None:
    blocks = [f"import {{\n  to = {each.address}\n  id = {json.dumps(each.id)}\n}}\n" for each in imports]
    with file_errors(path):
        if blocks:
            replace_file(path, "\n".join(blocks))
        else:
            path.unlink(missing_ok=True)


def _imports(terraform: Terraform) -> Path:
    return terraform.workspace / IMPORTS


def _terraform(step: AdoptMachines, world: World) -> Terraform:
    return Terraform(step.folder / "terraform", step.account, step.backend, world)
