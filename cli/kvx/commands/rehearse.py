"""kvx rehearse: the target hetzner against a Hetzner that runs on this machine; no account, no bill."""

import json
import sys
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kvx.commands.flags import Folder, Json
from kvx.commands.typed import typed
from kvx.errors import ExitCode, KvxError
from kvx.settings.keys import KEYS
from kvx.settings.load import called_as, load

if TYPE_CHECKING:
    from kvx.drivers.rehearsal import Simulation

SCHEMA = "kvx/rehearse/v1"
AS_TYPED = {"allow_extra_args": True, "ignore_unknown_options": True}
Scenario = Annotated[
    Path | None,
    typer.Option("--scenario", metavar="FILE", help="What goes wrong, as TOML: no stock, slow, cut off."),
]

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
) -> None:
    """Make the machines of kvx.toml, and configure them where they are real hosts.

    Takes the flags of kvx deploy; its questions are answered with yes.
    """
    from kvx.commands.rehearse_hosts import chosen

    own = _own_folder(folder)
    choice = chosen(own, hosts, load({"folder": folder}))
    end = [] if _given(context.args, "--to") else ["--to", choice.last_phase]
    for line in choice.words:
        _talk(line)
    arguments = ["deploy", *context.args, *_unless(context.args, "--yes"), *end]
    _rehearse(arguments, folder, scenario, choice.variables)


@app.command(context_settings=AS_TYPED)
def terraform(context: typer.Context, scenario: Scenario = None, folder: Folder = None) -> None:
    """Make them by kvx terraform, with its flags."""
    _rehearse(["terraform", *context.args, *_unless(context.args, "--yes")], folder, scenario)


@app.command(context_settings=AS_TYPED)
def adopt(context: typer.Context, scenario: Scenario = None, folder: Folder = None) -> None:
    """Take over what the state does not know."""
    _rehearse(["adopt", *context.args, *_unless(context.args, "--yes")], folder, scenario)


@app.command(context_settings=AS_TYPED)
def drift(context: typer.Context, scenario: Scenario = None, folder: Folder = None) -> None:
    """Compare the machines with the plan."""
    _rehearse(["drift", *context.args], folder, scenario)


@app.command(context_settings=AS_TYPED)
def doctor(context: typer.Context, scenario: Scenario = None, folder: Folder = None) -> None:
    """Check what a deploy needs."""
    _rehearse(["doctor", *context.args], folder, scenario)


@app.command(context_settings=AS_TYPED)
def cleanup(context: typer.Context, scenario: Scenario = None, folder: Folder = None) -> None:
    """Delete the machines again.

    As kvx cleanup, with its flags; with the last of the machines the simulation ends too.
    """
    name = load({"folder": folder}).settings.hetzner.cluster
    asked = _given(context.args, "--yes-destroy", "--dry-run")
    _rehearse(["cleanup", *context.args, *([] if asked else ["--yes-destroy", name])], folder, scenario)


@app.command()
def status(folder: Folder = None, *, as_json: Json = False) -> None:
    """Show the simulation and what stands in it. Exit code 3: none runs."""
    from kvx.drivers import rehearsal

    simulation = rehearsal.running(_own_folder(folder))
    if simulation is None:
        raise KvxError("no rehearsal runs here", "kvx rehearse deploy", ExitCode.MISSING)
    found, hosts = rehearsal.resources(simulation), rehearsal.machines(_own_folder(folder)) is not None
    if as_json:
        own = {"address": simulation.address, "pid": simulation.process.pid}
        print(json.dumps({"schema": SCHEMA, **own, "hosts": hosts, **found, "exit_code": 0}))
    else:
        print("\n".join(_lines(simulation, found, hosts=hosts)))


@app.command()
def stop(folder: Folder = None, *, as_json: Json = False) -> None:
    """End the simulation and shut its hosts down, and keep what stands in it.

    The next rehearsal goes on with it.
    """
    from kvx.drivers import rehearsal, rehearsal_hosts
    from kvx.world import real_world

    own, world = _own_folder(folder), real_world()
    stopped = rehearsal.stop(own, world)
    if rehearsal.machines(own) is not None:
        rehearsal_hosts.rest(own, world)
    if as_json:
        print(json.dumps({"schema": SCHEMA, "stopped": stopped, "exit_code": 0}))
    else:
        print("The simulated Hetzner is ended." if stopped else "There is no simulated Hetzner to end.")


def _rehearse(
    arguments: list[str],
    folder: Path | None,
    scenario: Path | None,
    variables: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Run kvx against the simulation, and end as it ended."""
    settings = load({"folder": folder}).settings
    own = _own_folder(folder)
    from kvx.drivers import rehearsal, rehearsal_hosts, rehearsing
    from kvx.world import real_world

    world = real_world()
    rehearsing.take_settings(settings.folder, own)
    simulation = rehearsal.started(own, scenario, world)
    _talk(f"A rehearsal on a simulated Hetzner at {simulation.address}: no bill.")
    code = rehearsing.rehearse(arguments, own, simulation, {**_variables(folder), **variables})
    if code == 0 and arguments[0] == "cleanup" and not rehearsal.resources(simulation).get("resources"):
        rehearsal.stop(own, world)
        _talk("The simulated Hetzner is ended too.")
        if rehearsal.machines(own) is not None:
            rehearsal_hosts.clear(own, world)
            rehearsal.put_behind(own, None, world)
            _talk("Its hosts are gone, and this machine's settings are as they were.")
    elif code == 0 and arguments[0] in {"deploy", "terraform"} and not _given(arguments, "--dry-run"):
        _talk(typed("kvx rehearse status shows what stands; kvx rehearse stop ends the simulation."))
    sys.exit(code)  # what it had to say, it has said


def _variables(folder: Path | None) -> dict[str, str]:
    """What the rehearsed kvx is told: how it was called, and paths as seen from the user's folder."""
    loaded = load({"folder": folder})
    paths = {}
    for name, key in KEYS.items():
        table, _, item = name.rpartition(".")
        if key.kind is Path and loaded.sources[name].kind == "file":
            owner = getattr(loaded.settings, table) if table else loaded.settings
            paths[key.variable] = str(getattr(owner, item))
    return {"KVX_CALLED_AS": f"{called_as()} rehearse", **paths}


def _own_folder(folder: Path | None) -> Path:
    from kvx.drivers.rehearsal import FOLDER

    return load({"folder": folder}).settings.folder / FOLDER


def _lines(simulation: "Simulation", found: Mapping[str, Any], *, hosts: bool) -> list[str]:
    behind = "; its servers are real hosts" if hosts else ""
    head = f"Hetzner is simulated at {simulation.address}, process {simulation.process.pid}{behind}."
    alive = found.get("resources", [])
    if not alive:
        return [head, "Nothing stands in it."]
    rows = [_row(each) for each in alive]
    whole = f"  {'together, a month, net, if it were real':<66}{found['monthly_net']:>8} {found['currency']}"
    return [head, *rows, whole]


def _row(resource: Mapping[str, Any]) -> str:
    kind = str(resource["kind"]).replace("_", " ")
    detail = " ".join(str(resource[key]) for key in ("type", "status") if resource.get(key))
    price = resource["monthly_net"]
    shown = "unknown" if price is None else f"{Decimal(price):.2f}"
    return f"  {kind:<16}{resource['name']:<30}{detail:<20}{shown:>8}"


def _given(arguments: list[str], *flags: str) -> bool:
    return any(argument.partition("=")[0] in flags for argument in arguments)


def _unless(arguments: list[str], flag: str) -> list[str]:
    return [] if _given(arguments, flag, "-y") else [flag]


def _talk(words: str) -> None:
    print(words, file=sys.stderr)
