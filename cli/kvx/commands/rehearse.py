"""kvx rehearse: the target hetzner against a Hetzner that runs on this machine; no account, no bill."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from kvx.commands.flags import Folder, Json
from kvx.commands.rehearse_run import cleanup_of, given, own_folder, rehearse_as_typed, run, talk, unless
from kvx.commands.typed import typed
from kvx.errors import ExitCode, KvxError
from kvx.settings.load import load

SCHEMA = "kvx/rehearse/v1"
AS_TYPED = {"allow_extra_args": True, "ignore_unknown_options": True}
Scenario = Annotated[
    Path | None,
    typer.Option("--scenario", metavar="FILE", help="What goes wrong, as TOML: no stock, slow, cut off."),
]

# What can be done with a cluster that was rehearsed, as with a real one.
ON_THE_CLUSTER = {
    "nodes": "Look after them by kvx nodes, with its commands and flags.",
    "verify": "Look at all that holds the cluster, and speak to it.",
    "releases": "List what was released to it.",
    "rollback": "Go back to an earlier release.",
}

app = typer.Typer(
    help="Rehearse on a simulated Hetzner: no account, no bill.", add_completion=False, rich_markup_mode=None
)


@app.callback()
def rehearse() -> None:
    """Rehearse the target hetzner on a Hetzner that runs on this machine: no account, no bill.

    What is made stays until it is cleaned up, under .kvx-rehearsal/; real machines are never touched.
    """


@app.command(context_settings=AS_TYPED)
def deploy(
    context: typer.Context,
    scenario: Scenario = None,
    folder: Folder = None,
    *,
    hosts: Annotated[
        bool | None,
        typer.Option("--hosts/--no-hosts", help="Real systemd hosts as machines; where this one can."),
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave it standing, to look around.")] = False,
) -> None:
    """Make the machines of kvx.toml, and on real hosts all the rest, up to a spoken question.

    Takes the flags of kvx deploy; its questions are answered with yes. One that went all the way is taken
    away again, unless it is kept.
    """
    from kvx.commands.rehearse_hosts import chosen
    from kvx.commands.rehearse_time import time_line
    from kvx.drivers.rehearsal_images import variables
    from kvx.journal import read

    own = own_folder(folder)
    choice = chosen(own, hosts, load({"folder": folder}))
    only_looks = given(context.args, "--dry-run", "--check")
    end = [] if given(context.args, "--to") else ["--to", choice.last_phase]
    for line in choice.words:
        talk(line)
    arguments = ["deploy", *context.args, *unless(context.args, "--yes"), *end]
    with variables(None if only_looks else choice.builder) as lent:
        code = run(arguments, folder, scenario, {**choice.variables, **lent})
    if code == 0 and not only_looks:
        for line in time_line(read(own / ".kvx" / "hetzner" / "journal.jsonl")):
            talk(line)
    if code == 0 and not only_looks and not keep and choice.builder is not None and end:
        talk(
            typed(
                "It went all the way, and is taken away again; kvx rehearse deploy --keep leaves it standing."
            )
        )
        code = run(cleanup_of(["--json"] if given(context.args, "--json") else [], folder), folder, None)
    sys.exit(code)


@app.command(context_settings=AS_TYPED)
def terraform(context: typer.Context, scenario: Scenario = None, folder: Folder = None) -> None:
    """Make them by kvx terraform, with its flags."""
    rehearse_as_typed(["terraform", *context.args, *unless(context.args, "--yes")], folder, scenario)


@app.command(context_settings=AS_TYPED)
def adopt(context: typer.Context, scenario: Scenario = None, folder: Folder = None) -> None:
    """Take over what the state does not know."""
    rehearse_as_typed(["adopt", *context.args, *unless(context.args, "--yes")], folder, scenario)


@app.command(context_settings=AS_TYPED)
def drift(context: typer.Context, scenario: Scenario = None, folder: Folder = None) -> None:
    """Compare the machines with the plan."""
    rehearse_as_typed(["drift", *context.args], folder, scenario)


@app.command(context_settings=AS_TYPED)
def doctor(context: typer.Context, scenario: Scenario = None, folder: Folder = None) -> None:
    """Check what a deploy needs."""
    rehearse_as_typed(["doctor", *context.args], folder, scenario)


@app.command(context_settings=AS_TYPED)
def cleanup(context: typer.Context, scenario: Scenario = None, folder: Folder = None) -> None:
    """Delete the machines again.

    As kvx cleanup, with its flags; with the last of the machines the simulation ends too.
    """
    rehearse_as_typed(cleanup_of(context.args, folder), folder, scenario)


def _through(name: str) -> Callable[..., None]:
    """The command of that name for what the rehearsal has made, with its flags."""

    def command(context: typer.Context, folder: Folder = None) -> None:
        rehearse_as_typed([name, *context.args], folder, None)

    return command


for _name, _words in ON_THE_CLUSTER.items():
    app.command(_name, context_settings=AS_TYPED, help=_words)(_through(_name))


@app.command()
def status(folder: Folder = None, *, as_json: Json = False) -> None:
    """Show the simulation and what stands in it. Exit code 3: none runs."""
    from kvx.commands.rehearse_table import lines
    from kvx.drivers import rehearsal

    simulation = rehearsal.running(own_folder(folder))
    if simulation is None:
        raise KvxError("no rehearsal runs here", "kvx rehearse deploy", ExitCode.MISSING)
    found, hosts = rehearsal.resources(simulation), rehearsal.machines(own_folder(folder)) is not None
    if as_json:
        own = {"address": simulation.address, "pid": simulation.process.pid}
        print(json.dumps({"schema": SCHEMA, **own, "hosts": hosts, **found, "exit_code": 0}))
    else:
        print("\n".join(lines(simulation, found, hosts=hosts)))


@app.command()
def stop(folder: Folder = None, *, as_json: Json = False) -> None:
    """End the simulation and shut its hosts down, and keep what stands in it.

    The next rehearsal goes on with it.
    """
    from kvx.drivers import rehearsal, rehearsal_hosts
    from kvx.world import real_world

    own, world = own_folder(folder), real_world()
    stopped = rehearsal.stop(own, world)
    if rehearsal.machines(own) is not None:
        rehearsal_hosts.rest(own, world)
    if as_json:
        print(json.dumps({"schema": SCHEMA, "stopped": stopped, "exit_code": 0}))
    else:
        print("The simulated Hetzner is ended." if stopped else "There is no simulated Hetzner to end.")
