"""The API server of a target: by the kubeconfig that settings name, or by that of a cluster kvx has made."""

from pathlib import Path

from kvx.drivers.api_server import ATTEMPTS, Api, connect
from kvx.drivers.inventory import read_inventory
from kvx.drivers.kubernetes import connect_made
from kvx.errors import KvxError
from kvx.steps.manifests import Where
from kvx.world import World


def api_of(where: Where, folder: Path, world: World, *, attempts: int = ATTEMPTS) -> Api:
    """The way to the cluster; `folder` is the deployment's. Nothing is sent yet."""
    if not where.made:
        return connect(where.kubeconfig, where.context, world, attempts=attempts)
    return connect_made(folder, _servers(folder), world, attempts=attempts)


def _servers(folder: Path) -> tuple[str, ...]:
    """The other servers, where machines were handed over."""
    try:
        return tuple(host.address for host in read_inventory(folder).servers)
    except KvxError:
        return ()
