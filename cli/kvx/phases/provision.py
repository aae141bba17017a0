"""The phase that makes the machines at Hetzner, and takes them away."""

from kvx.deployment import Deployment
from kvx.phases.fleet import account_of, backend_of, fleet_of, limits_of
from kvx.plan import Phase
from kvx.steps.machines import (
    AdoptMachines,
    ApplyMachines,
    DestroyMachines,
    HandOver,
    PlaceMachines,
    WriteWorkspace,
)
from kvx.steps.service import RemoveFolder

LOOK_SECONDS = 120


def provision(deployment: Deployment) -> Phase:
    """Look, write the workspace, adopt what is ours, apply, hand over; undo: destroy, remove the folder."""
    wanted, folder, source = deployment.settings.hetzner, deployment.folder, deployment.terraform_source
    fleet, account = fleet_of(deployment), account_of(wanted)
    limits, backend = limits_of(wanted), backend_of(wanted)
    return Phase(
        name="provision",
        summary="make the machines at Hetzner, with network and firewall",
        steps=(
            PlaceMachines(folder, account, fleet, limits, LOOK_SECONDS + limits.wait_for_capacity_seconds),
            WriteWorkspace(folder, source, account, fleet, backend),
            AdoptMachines(folder, account, fleet, backend),
            ApplyMachines(folder, account, fleet, limits, backend),
            HandOver(folder, account, backend),
        ),
        undo=(DestroyMachines(folder, source, account, fleet, backend), RemoveFolder(folder)),
    )
