"""kvx nodes list: each node of the cluster, as the inventory and as Kubernetes have it."""

import json
import sys
from pathlib import Path

import typer

from kvx.commands.nodes_table import lines_of, node_data, whats_missing
from kvx.commands.nodes_target import cluster_of, known_nodes
from kvx.commands.terminal import width_of_stdout
from kvx.commands.typed import typed
from kvx.errors import KvxError
from kvx.nodes.overview import Overview

SCHEMA = "kvx/nodes/v1"


def show(folder: Path | None, target: str | None, *, as_json: bool) -> None:
    """Print what is known: where Kubernetes does not answer, the inventory alone, and exit code 4."""
    from kvx.world import real_world

    found, wrong = known_nodes(cluster_of(folder, target))
    wrong, now = wrong or whats_missing(found), real_world().now()
    if as_json:
        print(json.dumps(_document(found, wrong, now), indent=2))
    else:
        print("\n".join(lines_of(found, now, width_of_stdout())))
    if wrong is not None:
        print(f"{wrong.message}\nfix: {typed(wrong.fix)}", file=sys.stderr)
        raise typer.Exit(int(wrong.exit_code))


def _document(found: Overview, wrong: KvxError | None, now: float) -> dict[str, object]:
    told = {"event": "error", "error": wrong.message, "fix": wrong.fix} if wrong else {}
    return {
        "schema": SCHEMA,
        "cluster": found.cluster,
        "api": found.api,
        "nodes": [node_data(node, found, now) for node in found.nodes],
        "not_joined": [node.name for node in found.not_joined],
        "not_in_inventory": [node.name for node in found.strangers],
        **told,
        "exit_code": int(wrong.exit_code) if wrong else 0,
    }
