"""Makes a cluster of the machines: site.yml with the variables that the settings and provision give."""

import json
from collections.abc import Iterator

from kvx.drivers.ansible import Play, Played, play
from kvx.drivers.inventory import read_inventory
from kvx.drivers.reaching import usable_key
from kvx.drivers.workspace import VARIABLES
from kvx.secret import Secret
from kvx.steps.nodes import ConfigureNodes, NodesWanted
from kvx.world import Outcome, World

PLAYBOOK = "site.yml"


def perform(step: ConfigureNodes, world: World) -> Outcome:
    """Run site.yml; changed where it changed a host. Raises KvxError that names host, task and fix."""
    read_inventory(step.folder)  # what is damaged is said in our words
    played = play(play_of(step), world)
    kubeconfig = step.folder / "kubeconfig"
    access = {"kubeconfig": str(kubeconfig)} if kubeconfig.exists() else {}
    return Outcome(played.changed, tuple(_lines(played)), {"nodes": _data(played), **access})


def play_of(step: ConfigureNodes, playbook: str = PLAYBOOK) -> Play:
    """One of the playbooks with all it is to know of this cluster."""
    return Play(
        playbook=step.source / playbook,
        folder=step.folder,
        variables=dict(_variables(step)),
        variables_file=step.nodes.variables_file,
        secrets=dict(_secrets(step.nodes)),
        deadline_seconds=step.deadline_seconds,
        forks=step.nodes.forks,
    )


def _variables(step: ConfigureNodes) -> Iterator[tuple[str, object]]:
    yield from step.nodes.variables.items()
    yield "ansible_ssh_private_key_file", str(usable_key(step.key))
    addresses = _allowed_addresses(step)
    if addresses:
        yield "firewall_ssh_from", addresses
        yield "firewall_api_from", addresses


def _allowed_addresses(step: ConfigureNodes) -> list[str]:
    """Those that are named, else those that provision resolved for Terraform; none where it did not."""
    if step.nodes.allowed_addresses is not None:
        return list(step.nodes.allowed_addresses)
    try:
        told = json.loads((step.folder / "terraform" / VARIABLES).read_text(encoding="utf-8"))
        return [str(address) for address in told["allowed_addresses"]]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return []


def _secrets(nodes: NodesWanted) -> Iterator[tuple[str, Secret]]:
    """By the names that the role etcd_snapshots looks for."""
    if nodes.etcd_access_key is not None:
        yield "KVX_ETCD_S3_ACCESS_KEY", nodes.etcd_access_key
    if nodes.etcd_secret_key is not None:
        yield "KVX_ETCD_S3_SECRET_KEY", nodes.etcd_secret_key


def _lines(played: Played) -> Iterator[str]:
    for host, result in played.hosts.items():
        if result.changed:
            yield f"{host}: {result.changed} tasks changed it"
    yield f"all that was said: {played.log}"


def _data(played: Played) -> dict[str, object]:
    changed = [host for host, result in played.hosts.items() if result.changed]
    return {"hosts": len(played.hosts), "changed": changed, "log": str(played.log)}
