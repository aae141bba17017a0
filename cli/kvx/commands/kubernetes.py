"""kvx kubernetes: renders the manifests of a target, shows what would change, and applies them."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from kvx.commands.carry_out import print_plan, run
from kvx.commands.flags import DryRun, Folder, Json, Target, WaitForLock, deployment_from
from kvx.commands.phase import alone_of
from kvx.errors import ExitCode
from kvx.plan import Plan
from kvx.steps.manifests import ApplyManifests, RenderManifests

if TYPE_CHECKING:
    from kvx.cluster.difference import Change

SCHEMA = "kvx/kubernetes/v1"
COLOURS = {"+": "green", "-": "red", "@": "cyan"}

Full = Annotated[bool, typer.Option("--full", help="Show new and removed objects whole, too.")]

app = typer.Typer(
    help="Render, compare and apply the manifests.", add_completion=False, rich_markup_mode=None
)


@app.callback(invoke_without_command=True)
def kubernetes(
    context: typer.Context,
    *,
    target: Target = None,
    dry_run: DryRun = False,
    folder: Folder = None,
    wait_for_lock: WaitForLock = 0,
    as_json: Json = False,
) -> None:
    """Apply the manifests alone; render and diff look first."""
    if context.invoked_subcommand is None:
        apply(target=target, dry_run=dry_run, folder=folder, wait_for_lock=wait_for_lock, as_json=as_json)


@app.command()
def apply(
    *,
    target: Target = None,
    dry_run: DryRun = False,
    folder: Folder = None,
    wait_for_lock: WaitForLock = 0,
    as_json: Json = False,
) -> None:
    """Render, apply what differs, and wait until the voice API answers.

    It takes no field from another manager, waits for no other kvx unless told to, and goes back once where
    the new version does not serve and the one before did. What is no longer wanted goes last.
    """
    wanted = deployment_from(folder, target, wait_for_lock)
    plan, deployment = alone_of("kubernetes", wanted, chosen=target is not None)
    schema = SCHEMA if as_json else None
    if dry_run:
        print_plan(plan, schema)
    else:
        run(plan, deployment, "kvx kubernetes", wait_for_lock, schema)


@app.command()
def render(target: Target = None, folder: Folder = None, *, as_json: Json = False) -> None:
    """Print the manifests as they would be applied. Exit code 1: kvx lint finds something in them."""
    from kvx.drivers import rendering
    from kvx.world import real_world

    plan, _ = alone_of("kubernetes", deployment_from(folder, target), chosen=target is not None)
    text = rendering.rendered(_render_step(plan), real_world())
    if as_json:
        objects = rendering.objects_of(text)
        print(json.dumps({"schema": SCHEMA, "event": "rendered", "target": plan.target, "objects": objects}))
    else:
        print(text, end="")


@app.command()
def diff(target: Target = None, folder: Folder = None, *, full: Full = False, as_json: Json = False) -> None:
    """Show what applying would change. Exit code 4: something would.

    The server is asked, and nothing is written to it. Lines with - are in the cluster, lines with + would
    be. Values of Secrets are hidden.
    """
    from kvx.drivers import rendering
    from kvx.drivers.applying import difference
    from kvx.drivers.charts import fitting
    from kvx.drivers.clusters import api_of
    from kvx.drivers.manifest_applying import fields_of_others
    from kvx.world import real_world

    plan, _ = alone_of("kubernetes", deployment_from(folder, target), chosen=target is not None)
    world = real_world()
    objects = rendering.objects_of(rendering.rendered(_render_step(plan), world))
    step = next(step for step in plan.steps if isinstance(step, ApplyManifests))
    api = api_of(step.where, step.folder, world)
    with fields_of_others(step):
        changes = difference(api, objects)
    tell(changes, fitting(api, objects).left_out, full=full, as_json=as_json)
    if changes:
        raise typer.Exit(int(ExitCode.INCOMPLETE))


def tell(changes: "tuple[Change, ...]", left_out: tuple[str, ...] = (), *, full: bool, as_json: bool) -> None:
    """What would change, for people or for programs."""
    from kvx.cluster.charts import left_out_words
    from kvx.cluster.difference import summary

    if as_json:
        rows = [_row(each) for each in changes]
        counts = {
            kind: sum(each.kind == kind for each in changes) for kind in ("added", "changed", "removed")
        }
        code = int(ExitCode.INCOMPLETE if changes else ExitCode.DONE)
        told = {"objects": rows, **counts, "left_out": list(left_out), "exit_code": code}
        print(json.dumps({"schema": SCHEMA, "event": "diff", **told}))
        return
    for each in changes:
        typer.secho(_head(each), bold=True)
        for line in _hunks(each) if full or each.kind == "changed" else ():
            typer.secho(f"  {line}", fg=COLOURS.get(line[:1]))
    if left_out:
        print(left_out_words(left_out))
    print(summary(changes))


def _head(change: "Change") -> str:
    unchecked = "" if change.checked else ", which the server could not look at yet"
    return f"{change.kind:<8} {change.words}{unchecked}"


def _hunks(change: "Change") -> tuple[str, ...]:
    from kvx.cluster.difference import hunks
    from kvx.drivers.comparing import yaml_of

    return hunks(change, yaml_of)


def _row(change: "Change") -> dict[str, object]:
    group, kind, namespace, name = change.key
    about = {"group": group, "kind": kind, "namespace": namespace or None, "name": name}
    return {"change": change.kind, **about, "checked": change.checked, "diff": list(_hunks(change))}


def _render_step(plan: Plan) -> RenderManifests:
    return next(step for step in plan.steps if isinstance(step, RenderManifests))
