"""The cluster that a command is about: its deployment, its API server, the machines kvx made for it."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kvx.cluster.kustomization import NAMESPACE
from kvx.commands.flags import deployment_from
from kvx.deployment import Deployment
from kvx.errors import ExitCode, KvxError
from kvx.nodes.inventory import Inventory
from kvx.steps.manifests import Where

if TYPE_CHECKING:
    from kvx.drivers.api_server import Api
    from kvx.world import World

MONITORING = "monitoring"
CLOUD_ENGINE = "cloud-engine"


@dataclass(frozen=True, slots=True)
class ClusterTarget:
    """A deployment whose voice API runs on a cluster; `inventory` is None where kvx made no machines."""

    deployment: Deployment
    inventory: Inventory | None

    @property
    def namespace(self) -> str:
        return NAMESPACE

    @property
    def monitoring(self) -> str | None:
        """The namespace of Prometheus, None where the component is not switched on."""
        return MONITORING if "monitoring" in self.deployment.settings.kubernetes.components else None

    @property
    def engines(self) -> bool:
        """Whether engines elsewhere may be asked there."""
        return CLOUD_ENGINE in self.deployment.settings.kubernetes.components

    @property
    def where(self) -> Where:
        """Its API server, as steps are told."""
        wished = self.deployment.settings.kubernetes
        made = self.deployment.target == "hetzner"
        return Where(made=True) if made else Where(wished.kubeconfig, wished.context)

    def api(self, world: "World", attempts: int | None = None) -> "Api":
        """Its API server; nothing is sent yet. KvxError without a kubeconfig, or with a wrong one."""
        from kvx.drivers.api_server import ATTEMPTS
        from kvx.drivers.clusters import api_of

        return api_of(self.where, self.deployment.folder, world, attempts=attempts or ATTEMPTS)


def cluster_target(
    folder: Path | None, target: str | None, command: str, wait_for_lock: float = 0
) -> ClusterTarget:
    """KvxError with exit code 2 for the target local: it keeps nothing in a cluster."""
    return of_deployment(deployment_from(folder, target, wait_for_lock), command)


def of_deployment(deployment: Deployment, command: str) -> ClusterTarget:
    """The same of a deployment that is known already."""
    if deployment.target == "local":
        message = "the target local keeps nothing in a cluster"
        raise KvxError(message, f"{command} --target cluster", ExitCode.USAGE)
    return ClusterTarget(deployment, _inventory(deployment))


def _inventory(deployment: Deployment) -> Inventory | None:
    """A cluster that kvx did not make has none, and none is missed before machines are made."""
    from kvx.drivers.inventory import NAME, read_inventory

    there = deployment.target == "hetzner" and (deployment.folder / NAME).exists()
    return read_inventory(deployment.folder) if there else None
