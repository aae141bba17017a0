"""kvx nodes: how the nodes of the cluster are, another version, back to a snapshot, a command on them."""

import typer

from kvx.commands.flags import Folder, Json, Target

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
