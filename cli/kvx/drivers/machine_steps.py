"""The steps of the provision phase and their drivers, imported when one is needed: they are heavy."""

from kvx.steps.machines import (
    AdoptMachines,
    ApplyMachines,
    DestroyMachines,
    HandOver,
    MachineStep,
    PlaceMachines,
    WriteWorkspace,
)
from kvx.world import Outcome, World


def is_done(step: MachineStep, world: World) -> bool:
    """Whether the world is already as the step would leave it."""
    from kvx.drivers import hand_over, hetzner_placing, workspace
    from kvx.drivers import terraform_adopting as adopting
    from kvx.drivers import terraform_applying as applying
    from kvx.drivers import terraform_destroying as destroying

    match step:
        case PlaceMachines():
            return hetzner_placing.is_done(step, world)
        case WriteWorkspace():
            return workspace.is_done(step, world)
        case AdoptMachines():
            return adopting.is_done(step, world)
        case ApplyMachines():
            return applying.is_done(step, world)
        case HandOver():
            return hand_over.is_done(step, world)
        case DestroyMachines():
            return destroying.is_done(step, world)


def perform(step: MachineStep, world: World) -> Outcome:
    """Bring about what the step says; raises KvxError when that fails."""
    from kvx.drivers import hand_over, hetzner_placing, workspace
    from kvx.drivers import terraform_adopting as adopting
    from kvx.drivers import terraform_applying as applying
    from kvx.drivers import terraform_destroying as destroying

    match step:
        case PlaceMachines():
            return hetzner_placing.perform(step, world)
        case WriteWorkspace():
            return workspace.perform(step, world)
        case AdoptMachines():
            return adopting.perform(step, world)
        case ApplyMachines():
            return applying.perform(step, world)
        case HandOver():
            return hand_over.perform(step, world)
        case DestroyMachines():
            return destroying.perform(step, world)
