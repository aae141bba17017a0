"""kvx status: how the deployed voice API is."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kvx.commands.flags import Folder, Json, Target, deployment_from
from kvx.commands.terminal import width_of_stdout
from kvx.deployment import Deployment
from kvx.errors import KvxError

if TYPE_CHECKING:
    from kvx.world import World

SCHEMA = "kvx/status/v1"
Watch = Annotated[bool, typer.Option("--watch", "-w", help="Look again every 2 seconds, until Ctrl-C.")]


@dataclass(frozen=True, slots=True)
class Shown:
    """One look: for programs, for people, and what is wrong."""

    data: Mapping[str, Any]
    lines: list[str]
    wrong: KvxError | None

    @property
    def document(self) -> dict[str, object]:
        told = {"event": "error", "error": self.wrong.message, "fix": self.wrong.fix} if self.wrong else {}
        code = int(self.wrong.exit_code) if self.wrong else 0
        return {"schema": SCHEMA, **self.data, **told, "exit_code": code}


def status(
    target: Target = None, folder: Folder = None, *, watch: Watch = False, as_json: Json = False
) -> None:
    """Show how the voice API is doing, on one screen.

    On this machine: version, health, engine, memory, requests and where the log is. On a cluster: what is
    deployed, pods, nodes, scaling, advice, quotas, alerts, cost, and what is not as it was released.
    Exit code 3: nothing serves; 4: a part could not be asked, and is named.
    """
    deployment = deployment_from(folder, target)
    from kvx.world import real_world

    world = real_world()
    if watch:
        from kvx.commands.watch import watch as watched

        watched(lambda: _watched(_look(deployment, world), as_json=as_json), world)
        return
    found = _look(deployment, world)
    if as_json:
        print(json.dumps(found.document, indent=2))
    elif found.lines:
        print("\n".join(found.lines))
    if found.wrong:
        if not as_json:
            raise found.wrong
        print(f"{found.wrong.message}\nfix: {found.wrong.fix}", file=sys.stderr)
        raise typer.Exit(int(found.wrong.exit_code))


def _watched(found: Shown, *, as_json: bool) -> list[str]:
    """A look among others: what is wrong stands in it, and ends nothing."""
    if as_json:
        return [json.dumps(found.document)]
    return [*found.lines, *([f"wrong     {found.wrong.message}"] if found.wrong else [])]


def _look(deployment: Deployment, world: "World") -> Shown:
    if deployment.target == "local":
        return _look_at_this_machine(deployment)
    from kvx.commands.cluster_target import of_deployment
    from kvx.commands.status_cluster import look

    found = look(of_deployment(deployment, "kvx status"), world)
    return Shown(found.data, found.lines(width_of_stdout()), found.wrong)


def _look_at_this_machine(deployment: Deployment) -> Shown:
    from kvx.commands.status_local import lines_of, whats_wrong
    from kvx.drivers.looking import look

    found = look(deployment.folder)
    data = {"target": deployment.target, **(found or {"state": "not-deployed"})}
    return Shown(data, list(lines_of(deployment.target, found)) if found else [], whats_wrong(found))
