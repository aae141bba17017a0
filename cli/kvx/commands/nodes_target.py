"""The cluster that a command of kvx nodes is about: its deployment, its inventory, how it is reached."""

from dataclasses import dataclass
from pathlib import Path

from kvx.commands.flags import deployment_of
from kvx.commands.phase import alone_of
from kvx.deployment import Deployment
from kvx.errors import ExitCode, KvxError
from kvx.nodes.inventory import Inventory
from kvx.nodes.living import living_node
from kvx.nodes.overview import Overview, overview
from kvx.settings.load import load
from kvx.steps.nodes import ConfigureNodes


@dataclass(frozen=True, slots=True)
class Cluster:
    """Machines that were handed over; `step` is how kvx would configure them now."""

    deployment: Deployment
    step: ConfigureNodes
    inventory: Inventory


def cluster_of(folder: Path | None, target: str | None, **settings: object) -> Cluster:
    """The cluster of the chosen target, else of the first one that has machines; `settings` are flags.

    Raises a KvxError with exit code 3 where no machines were handed over yet.
    """
    from kvx.drivers.inventory import read_inventory

    flags = {
        "folder": folder,
        "target": target,
        **{f"nodes.{name}": value for name, value in settings.items()},
    }
    plan, deployment = alone_of("ansible", deployment_of(load(flags)), chosen=target is not None)
    step = next(step for step in plan.steps if isinstance(step, ConfigureNodes))
    return Cluster(deployment, step, read_inventory(step.folder))


def known_nodes(cluster: Cluster) -> tuple[Overview, KvxError | None]:
    """The nodes as Kubernetes has them; where it does not answer, the inventory alone, and why."""
    from kvx.drivers.kubernetes import list_nodes
    from kvx.world import real_world

    try:
        addresses = [host.address for host in cluster.inventory.servers]
        listed = list_nodes(cluster.step.folder, addresses, real_world())
    except KvxError as error:
        if error.exit_code is not ExitCode.INCOMPLETE:
            raise
        return overview(cluster.inventory, None), error
    nodes = [living_node(item) for item in listed.items]
    return overview(cluster.inventory, nodes, listed.address), None
