"""kvx nodes upgrade: another version of k3s on every node, said first, asked once, then carried out."""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from kvx.commands.carry_out import carried_out
from kvx.commands.nodes_table import listed
from kvx.commands.nodes_target import Cluster, cluster_of, known_nodes
from kvx.commands.nodes_upgrade_letter import lines_of, plan_data
from kvx.commands.screen import asked
from kvx.commands.typed import typed
from kvx.errors import ExitCode, KvxError
from kvx.nodes.overview import Overview
from kvx.nodes.versions import Ascent, VersionError, ascent
from kvx.plan import Phase, Plan
from kvx.steps.node_care import UpgradeNodes
from kvx.steps.nodes import AwaitNodes

SCHEMA = "kvx/nodes/v1"
UPGRADE_SECONDS = 7200


def upgrade(
    cluster: Cluster,
    *,
    agents_at_once: int,
    wait_for_lock_seconds: float,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Say what will happen, ask, do it, and say what the settings have to be from now on."""
    version = wanted_version(cluster)
    found, wrong = known_nodes(cluster)
    way = _way(found, version)
    if dry_run:
        _print(cluster, found, way, wrong, agents_at_once, as_json=as_json)
        return
    if way is not None and not way.is_needed and not way.cordoned:
        _say_that_all_have_it(cluster, way, as_json=as_json)
        return
    _agree(cluster, lines_of(found, way, wrong, version, agents_at_once), yes=yes)
    plan, schema = plan_of(cluster, version, agents_at_once), SCHEMA if as_json else None
    carried_out(plan, cluster.deployment, "kvx nodes upgrade", wait_for_lock_seconds, schema)
    if not as_json:
        print(f"Every node of the cluster {cluster.inventory.cluster} has k3s {version}.")
        print("\n".join(typed(line) for line in following(cluster, version)))


def upgradable(
    folder: Path | None, target: str | None, version: str | None, k3s_folder: Path | None
) -> Cluster:
    """The cluster as it is wanted: VERSION and folder in the place of those in kvx.toml.

    Checksums of kvx.toml belong to its version, and are left out for another one.
    """
    cluster = cluster_of(folder, target)
    set_version = cluster.deployment.settings.nodes.k3s_version
    flags: dict[str, object] = {"k3s_version": version, "k3s_folder": k3s_folder}
    if version not in (None, set_version):
        flags["k3s_checksums"] = ()
    return cluster_of(folder, target, **flags)


def wanted_version(cluster: Cluster) -> str:
    """The version that VERSION or kvx.toml names; raises a KvxError with exit code 2 for neither."""
    version = cluster.deployment.settings.nodes.k3s_version
    if version is None:
        message = "which version? neither VERSION nor nodes.k3s_version in kvx.toml names one"
        raise KvxError(message, "kvx nodes upgrade v1.34.3+k3s1", ExitCode.USAGE)
    return version


def plan_of(cluster: Cluster, version: str, agents_at_once: int) -> Plan:
    """Look whether every machine answers, then upgrade."""
    step = cluster.step
    seconds = max(cluster.deployment.settings.nodes.deadline_seconds, UPGRADE_SECONDS)
    steps = (
        AwaitNodes(step.folder, step.source, step.key),
        UpgradeNodes(step, version, agents_at_once, seconds),
    )
    return Plan(cluster.deployment.target, (Phase("upgrade", f"bring the nodes to k3s {version}", steps),))


def following(cluster: Cluster, version: str) -> Iterator[str]:
    """What to do next: the settings must name the version, for kvx ansible refuses another one."""
    own = cluster_of(cluster.deployment.settings.folder, cluster.deployment.target)
    if own.deployment.settings.nodes.k3s_version != version:
        yield f'next      set k3s_version = "{version}" under [nodes] in kvx.toml,'
        yield "          so that kvx ansible wants the version that is there"
    else:
        yield "next      kvx nodes list"


def _way(found: Overview, version: str) -> Ascent | None:
    """None where Kubernetes has not answered."""
    if not found.answered:
        return None
    if found.not_joined:
        names = listed([node.name for node in found.not_joined])
        message = f"not in the cluster, and no version can be changed there: {names}"
        raise KvxError(message, "kvx ansible, which lets them join; then kvx nodes upgrade", ExitCode.MISSING)
    try:
        return ascent(found, version)
    except VersionError as error:
        raise KvxError(error.message, error.fix, ExitCode.USAGE) from None


def _agree(cluster: Cluster, lines: Sequence[str], *, yes: bool) -> None:
    """Raises a KvxError: 3 where nobody can be asked, 1 for anything but yes."""
    if yes:
        return
    if not sys.stdin.isatty():
        message = "kvx nodes upgrade asks before it drains nodes, and there is no terminal to ask on"
        raise KvxError(message, "the same command with --yes", ExitCode.MISSING)
    print("\n".join((*lines, "")), file=sys.stderr)
    if not asked(f"Upgrade the cluster {cluster.inventory.cluster}?"):
        raise KvxError("nothing was changed", "the same command, and answer yes")


def _print(
    cluster: Cluster,
    found: Overview,
    way: Ascent | None,
    wrong: KvxError | None,
    agents_at_once: int,
    *,
    as_json: bool,
) -> None:
    version = wanted_version(cluster)
    if as_json:
        print(
            json.dumps({"schema": SCHEMA, "event": "plan", **plan_data(found, way, version, agents_at_once)})
        )
    else:
        print("\n".join(lines_of(found, way, wrong, version, agents_at_once)))


def _say_that_all_have_it(cluster: Cluster, way: Ascent, *, as_json: bool) -> None:
    if as_json:
        data = {"version": way.version}
        end = {"event": "result", "run": None, "changed": False, "data": data, "exit_code": 0}
        print(json.dumps({"schema": SCHEMA, **end}))
        return
    print(f"Nothing had to be changed: every node of {cluster.inventory.cluster} has k3s {way.version}.")
    print("\n".join(typed(line) for line in following(cluster, way.version)))
