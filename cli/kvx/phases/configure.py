"""The phase that makes a cluster of the machines; they are taken away by the phase that made them."""

from pathlib import Path

from kvx.deployment import Deployment
from kvx.machines.fleet import CALLER
from kvx.phases.addresses import allowed_addresses
from kvx.phases.node_variables import node_variables
from kvx.plan import Phase
from kvx.settings import HetznerSettings
from kvx.settings.variables import check_variables
from kvx.steps.nodes import AwaitNodes, ConfigureNodes, NodesWanted


def configure(deployment: Deployment) -> Phase:
    """Wait for the machines, then run site.yml; nothing to undo."""
    folder, source = deployment.folder, deployment.ansible_source
    key = private_key(deployment)
    return Phase(
        name="configure",
        summary="put Kubernetes on the machines",
        steps=(
            AwaitNodes(folder, source, key),
            ConfigureNodes(
                folder, source, key, nodes_wanted(deployment), deployment.settings.nodes.deadline_seconds
            ),
        ),
    )


def nodes_wanted(deployment: Deployment) -> NodesWanted:
    """What the settings want of the nodes; a KvxError with exit code 2 names the setting that is wrong."""
    wanted = deployment.settings.nodes
    if wanted.variables is not None:
        check_variables(wanted.variables)
    return NodesWanted(
        variables=node_variables(wanted),
        variables_file=wanted.variables,
        allowed_addresses=_named_addresses(deployment.settings.hetzner),
        etcd_access_key=wanted.etcd_access_key,
        etcd_secret_key=wanted.etcd_secret_key,
        forks=wanted.forks,
    )


def private_key(deployment: Deployment) -> Path:
    """The key that provision has put on the machines: the user's own, or the one that kvx made."""
    public = deployment.settings.hetzner.ssh_public_key
    return deployment.folder / "ssh" / "id_ed25519" if public is None else public.with_suffix("")


def _named_addresses(wanted: HetznerSettings) -> tuple[str, ...] | None:
    """None where this machine's own address is among them, which provision has asked for."""
    addresses = allowed_addresses(wanted)
    return None if CALLER in addresses else addresses
