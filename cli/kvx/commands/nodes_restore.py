"""kvx nodes restore: which snapshots of etcd there are, and back to one for who types the cluster's name."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from kvx.commands.carry_out import carried_out
from kvx.commands.nodes_restore_letter import lines_of, snapshot_data, warning_of
from kvx.commands.nodes_target import Cluster, cluster_of
from kvx.commands.screen import typed_in
from kvx.commands.terminal import width_of_stdout
from kvx.commands.typed import typed
from kvx.errors import ExitCode, KvxError
from kvx.nodes.snapshots import Snapshot, named
from kvx.plan import Phase, Plan
from kvx.steps.node_care import RestoreNodes
from kvx.steps.nodes import AwaitNodes

if TYPE_CHECKING:
    from kvx.drivers.snapshots import Found

SCHEMA = "kvx/nodes/v1"


def show(folder: Path | None, target: str | None, *, as_json: bool) -> None:
    """Print the snapshots there are; exit code 4 where a server or the bucket could not be asked."""
    cluster, found, now = _looked(folder, target)
    code = ExitCode.INCOMPLETE if found.wrong else ExitCode.DONE
    if as_json:
        rows = [snapshot_data(each) for each in found.snapshots]
        head = {"schema": SCHEMA, "cluster": cluster.inventory.cluster}
        print(json.dumps({**head, "snapshots": rows, "wrong": list(found.wrong), "exit_code": int(code)}))
    else:
        print("\n".join(lines_of(cluster.inventory.cluster, found.snapshots, now, width_of_stdout())))
    _tell_what_was_not_asked(found)
    if code:
        raise typer.Exit(int(code))


def restore(
    folder: Path | None,
    target: str | None,
    name: str,
    *,
    yes_restore: str | None,
    wait_for_lock_seconds: float,
    as_json: bool,
) -> None:
    """Say what is lost, have the cluster's name typed, and put it back."""
    cluster, found, now = _looked(folder, target)
    snapshot = named(found.snapshots, name)
    if snapshot is None:
        raise _unknown(name, found)
    agree_to_restore(cluster, snapshot, now, name=yes_restore)
    plan, schema = plan_of(cluster, snapshot), SCHEMA if as_json else None
    carried_out(plan, cluster.deployment, "kvx nodes restore", wait_for_lock_seconds, schema)
    if not as_json:
        print(f"The cluster {cluster.inventory.cluster} is as it was in {snapshot.name}.")
        print(typed("next      kvx nodes list"))
        print(typed("          kvx ansible, which brings back what the settings want since then"))


def plan_of(cluster: Cluster, snapshot: Snapshot) -> Plan:
    """Look whether every machine answers, then restore: from a disk where it lies on one."""
    step = cluster.step
    seconds = cluster.deployment.settings.nodes.deadline_seconds
    from_bucket = not snapshot.is_on_a_disk
    steps = (
        AwaitNodes(step.folder, step.source, step.key),
        RestoreNodes(step, cluster.inventory.cluster, snapshot.name, from_bucket, seconds),
    )
    return Plan(cluster.deployment.target, (Phase("restore", "put etcd back to a snapshot", steps),))


def _looked(folder: Path | None, target: str | None) -> tuple[Cluster, "Found", float]:
    cluster = cluster_of(folder, target)
    from kvx.drivers.snapshots import find_snapshots
    from kvx.world import real_world

    world = real_world()
    return cluster, find_snapshots(cluster.step, cluster.inventory, world), world.now()


def agree_to_restore(cluster: Cluster, snapshot: Snapshot, now: float, *, name: str | None) -> None:
    """Only the cluster's name will do: given with --yes-restore, or typed. Raises a KvxError otherwise."""
    own = cluster.inventory.cluster
    fix = f"kvx nodes restore {snapshot.name} --yes-restore {own}"
    if name is not None:
        if name != own:
            message = f"nothing was done: the cluster is called {own}, not {name}"
            raise KvxError(message, fix, ExitCode.USAGE)
        return
    if not sys.stdin.isatty():
        message = "kvx nodes restore asks before it loses anything, and there is no terminal to ask on"
        raise KvxError(message, fix, ExitCode.MISSING)
    print("\n".join((*warning_of(own, snapshot, now), "")), file=sys.stderr)
    if typed_in(f"Type the name of the cluster, {own}, to put it back:") != own:
        raise KvxError("nothing was done", f"kvx nodes restore {snapshot.name}, and type the name")


def _unknown(name: str, found: "Found") -> KvxError:
    if found.wrong:
        message = (
            f"no snapshot {name!r} was found, and not every place could be asked: {'; '.join(found.wrong)}"
        )
        return KvxError(message, "mend that, then: kvx nodes restore --list", ExitCode.INCOMPLETE)
    if not found.snapshots:
        message = "there is no snapshot: neither on a server nor in a bucket"
        return KvxError(message, "kvx nodes run --on servers -- k3s etcd-snapshot save", ExitCode.MISSING)
    newest = found.snapshots[0].name
    message = f"there is no snapshot {name!r}; the newest is {newest}"
    return KvxError(message, "kvx nodes restore --list names them all", ExitCode.USAGE)


def _tell_what_was_not_asked(found: "Found") -> None:
    for words in found.wrong:
        print(f"not asked: {words}", file=sys.stderr)
