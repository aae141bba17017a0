"""kvx rollback: back to what was released before, with the difference first."""

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from kvx.commands.carry_out import carried_out
from kvx.commands.cluster_target import ClusterTarget, cluster_target
from kvx.commands.flags import DryRun, Folder, Json, Target, WaitForLock, Yes
from kvx.commands.releases import data_of, in_words
from kvx.commands.screen import asked
from kvx.commands.typed import typed
from kvx.errors import ExitCode, KvxError
from kvx.plan import Phase, Plan
from kvx.steps.manifests import Where
from kvx.steps.releases import RollBack

if TYPE_CHECKING:
    from kvx.drivers.rolling_back import Way

SCHEMA = "kvx/rollback/v1"
Revision = Annotated[
    int | None,
    typer.Argument(
        metavar="[RELEASE]", min=1, help="Its number; without one, the last that was something else."
    ),
]


def rollback(
    revision: Revision = None,
    *,
    target: Target = None,
    folder: Folder = None,
    dry_run: DryRun = False,
    wait_for_lock: WaitForLock = 0,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Go back to an earlier release: shown first, asked once, rolled out as a deploy is, and recorded.

    kvx releases lists them. --dry-run shows the difference and changes nothing.
    """
    from kvx.drivers.rolling_back import way_back
    from kvx.world import real_world

    cluster = cluster_target(folder, target, "kvx rollback", wait_for_lock)
    way = way_back(cluster.api(real_world()), revision)
    if not way.changes and way.now.configuration == way.back.configuration:
        _say_that_nothing_differs(way, as_json=as_json)
        return
    if dry_run:
        _print_difference(way, as_json=as_json)
        return
    _agree(way, yes=yes)
    plan = plan_of(cluster, way)
    result = carried_out(plan, cluster.deployment, "kvx rollback", wait_for_lock, SCHEMA if as_json else None)
    if not as_json:
        print(f"Release {result.data.get('release', '?')}, a rollback of {way.back.revision}, serves.")
        print(typed("next      kvx verify; kvx deploy puts the newer version there again"))


def plan_of(cluster: ClusterTarget, way: "Way") -> Plan:
    """One step: it looks, applies, waits, records, and goes back by itself where that fails."""
    settings, folder = cluster.deployment.settings.kubernetes, cluster.deployment.folder
    made = cluster.deployment.target == "hetzner"
    step = RollBack(
        folder,
        Where(made=True) if made else Where(settings.kubeconfig, settings.context),
        way.back.revision,
        way.back.configuration,
        settings.revisions_kept,
        settings.lease_wait_seconds,
        settings.deadline_seconds,
    )
    return Plan(cluster.deployment.target, (Phase("rollback", "go back to an earlier release", (step,)),))


def lines_of(way: "Way") -> list[str]:
    """From where to where, then what differs, object by object."""
    from kvx.cluster.difference import hunks, summary
    from kvx.drivers.comparing import yaml_of

    head = [
        f"now       {in_words(way.now)}",
        f"back to   {in_words(way.back)}",
        f"changes   {summary(way.changes)}",
    ]
    for change in way.changes:
        head += ["", f"{change.kind} {change.words}"]
        head += [f"  {line}" for line in hunks(change, yaml_of)] if change.kind == "changed" else []
    return head


def _print_difference(way: "Way", *, as_json: bool) -> None:
    if not as_json:
        print("\n".join(lines_of(way)))
        return
    changes = [{"kind": each.kind, "object": each.words} for each in way.changes]
    ways = {"now": data_of(way.now), "back": data_of(way.back), "changes": changes}
    print(json.dumps({"schema": SCHEMA, "event": "plan", **ways}))


def _agree(way: "Way", *, yes: bool) -> None:
    """Raises a KvxError: 3 where nobody can be asked, 1 for anything but yes."""
    print("\n".join((*lines_of(way), "")), file=sys.stderr)
    if yes:
        return
    if not sys.stdin.isatty():
        message = "kvx rollback asks before it changes what serves, and there is no terminal to ask on"
        raise KvxError(message, f"kvx rollback {way.back.revision} --yes", ExitCode.MISSING)
    if not asked(f"Go back to release {way.back.revision}?"):
        raise KvxError("nothing was changed", "the same command, and answer yes")


def _say_that_nothing_differs(way: "Way", *, as_json: bool) -> None:
    if as_json:
        data = {"release": way.now.revision, "same_as": way.back.revision}
        end = {"event": "result", "run": None, "changed": False, "data": data, "exit_code": 0}
        print(json.dumps({"schema": SCHEMA, **end}))
        return
    print(f"Nothing had to be changed: what is there is {in_words(way.back)}.")
    print(typed("next      kvx releases"))
