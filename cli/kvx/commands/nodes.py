"""kvx nodes: how the nodes of the cluster are, another version, back to a snapshot, a command on them."""

from pathlib import Path
from typing import Annotated

import typer

from kvx.commands.flags import DryRun, Folder, Json, Target, WaitForLock, Yes

app = typer.Typer(
    help="Show the nodes of the cluster, and look after them.", add_completion=False, rich_markup_mode=None
)


@app.callback()
def nodes() -> None:
    """Show the nodes of the cluster, and look after them."""


@app.command("list")
def list_nodes(target: Target = None, folder: Folder = None, *, as_json: Json = False) -> None:
    """Show each node: where it is, whether it is ready, its version. Exit code 4: not all could be told.

    From the inventory that kvx terraform handed over, and from the API server of the cluster.
    """
    from kvx.commands.nodes_list import show

    show(folder, target, as_json=as_json)


@app.command()
def upgrade(
    version: Annotated[
        str | None, typer.Argument(help="Such as v1.34.3+k3s1; nodes.k3s_version of kvx.toml unless given.")
    ] = None,
    *,
    agents_at_once: Annotated[int, typer.Option(min=1, max=50, help="Agents drained at the same time.")] = 1,
    k3s_folder: Annotated[
        Path | None, typer.Option(help="Folder with the release, for nodes without a way out.")
    ] = None,
    target: Target = None,
    folder: Folder = None,
    wait_for_lock: WaitForLock = 0,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Bring every node to another version of k3s.

    A snapshot of etcd first, then one node after the other, drained and looked at, servers before agents.
    It stops at the first that fails; the same command goes on there.
    """
    from kvx.commands import nodes_upgrade

    nodes_upgrade.upgrade(
        nodes_upgrade.upgradable(folder, target, version, k3s_folder),
        agents_at_once=agents_at_once,
        wait_for_lock_seconds=wait_for_lock,
        dry_run=dry_run,
        yes=yes,
        as_json=as_json,
    )


@app.command()
def restore(
    snapshot: Annotated[str | None, typer.Argument(help="Its name; --list says which there are.")] = None,
    *,
    only_list: Annotated[bool, typer.Option("--list", help="Show the snapshots, do nothing.")] = False,
    yes_restore: Annotated[
        str | None, typer.Option("--yes-restore", metavar="CLUSTER", help="Restore this cluster, unasked.")
    ] = None,
    target: Target = None,
    folder: Folder = None,
    wait_for_lock: WaitForLock = 0,
    as_json: Json = False,
) -> None:
    """Put the cluster back to a snapshot of etcd.

    What Kubernetes was told since then is lost, so the cluster's name is wanted, typed or by --yes-restore.
    """
    from kvx.commands import nodes_restore

    if only_list or snapshot is None:
        nodes_restore.show(folder, target, as_json=as_json)
    else:
        nodes_restore.restore(
            folder,
            target,
            snapshot,
            yes_restore=yes_restore,
            wait_for_lock_seconds=wait_for_lock,
            as_json=as_json,
        )


@app.command()
def run(
    command: Annotated[list[str] | None, typer.Argument(metavar="-- COMMAND...", help="What to run.")] = None,
    *,
    on: Annotated[
        list[str] | None,
        typer.Option("--on", metavar="NODE", help="A node, a pool, servers or agents; may be given again."),
    ] = None,
    timeout: Annotated[float, typer.Option(metavar="SECONDS", min=1, max=3600, help="Ends it then.")] = 60,
    target: Target = None,
    folder: Folder = None,
    as_json: Json = False,
) -> None:
    """Run a command on nodes, by SSH, at the same time. Exit code 1: it failed on one of them.

    No shell reads the command; for a pipe say: kvx nodes run -- sh -c 'ps aux | wc -l'
    """
    from kvx.commands.nodes_run import run_command

    run_command(folder, target, command or (), on=on or (), timeout_seconds=timeout, as_json=as_json)
