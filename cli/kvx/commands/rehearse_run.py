"""Runs kvx against the simulated Hetzner of a folder, and takes the simulation away with the last machine."""

import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from kvx.commands.typed import typed
from kvx.settings.keys import KEYS
from kvx.settings.load import called_as, load


def rehearse_as_typed(arguments: list[str], folder: Path | None, scenario: Path | None) -> None:
    """Run kvx against the simulation, and end as it ended."""
    sys.exit(run(arguments, folder, scenario))  # what it had to say, it has said


def run(
    arguments: list[str],
    folder: Path | None,
    scenario: Path | None,
    variables: Mapping[str, str] = MappingProxyType({}),
) -> int:
    """The exit code of kvx against the simulation, which ends with the last of the machines."""
    settings = load({"folder": folder}).settings
    own = own_folder(folder)
    from kvx.drivers import rehearsal, rehearsal_hosts, rehearsing
    from kvx.world import real_world

    world = real_world()
    rehearsing.take_settings(settings.folder, own)
    simulation = rehearsal.started(own, scenario, world)
    talk(f"A rehearsal on a simulated Hetzner at {simulation.address}: no bill.")
    code = rehearsing.rehearse(arguments, own, simulation, {**_variables(folder), **variables})
    if code == 0 and arguments[0] == "cleanup" and not rehearsal.resources(simulation).get("resources"):
        rehearsal.stop(own, world)
        talk("The simulated Hetzner is ended too.")
        if rehearsal.machines(own) is not None:
            rehearsal_hosts.clear(own, world)
            rehearsal.put_behind(own, None, world)
            talk("Its hosts are gone, and this machine's settings are as they were.")
    elif code == 0 and arguments[0] in {"deploy", "terraform"} and not given(arguments, "--dry-run"):
        talk(typed("kvx rehearse status shows what stands; kvx rehearse stop ends the simulation."))
    return code


def cleanup_of(arguments: list[str], folder: Path | None) -> list[str]:
    name = load({"folder": folder}).settings.hetzner.cluster
    asked = given(arguments, "--yes-destroy", "--dry-run")
    return ["cleanup", *arguments, *([] if asked else ["--yes-destroy", name])]


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


def own_folder(folder: Path | None) -> Path:
    from kvx.drivers.rehearsal import FOLDER

    return load({"folder": folder}).settings.folder / FOLDER


def given(arguments: list[str], *flags: str) -> bool:
    return any(argument.partition("=")[0] in flags for argument in arguments)


def unless(arguments: list[str], flag: str) -> list[str]:
    return [] if given(arguments, flag, "-y") else [flag]


def talk(words: str) -> None:
    print(words, file=sys.stderr)
