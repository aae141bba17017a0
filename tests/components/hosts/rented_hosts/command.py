"""The command `machines`, asked by the simulated Hetzner and kvx rehearse; a failure is {"error": WORDS}."""

import argparse
import json
import os
import platform
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rented_hosts import cloud_init, keeping, register
from rented_hosts.machine import machine_of
from rented_hosts.register import Tenancy
from systemd_hosts import lifecycle
from systemd_hosts.fleet import STATE
from systemd_hosts.template import HostsError

BUILD = Path(__file__).parents[1] / "build"
VERBS = {
    "about": "whether machines can stand here, of which architecture, and how they see this machine",
    "put": "make the machine on standard input what is wanted of it",
    "delete": 'take {"id": NUMBER} away',
    "list": "which stand, and which are on",
    "rest": "shut all down",
    "clear": "take all away, and put this machine back as it was",
    "build": "make what all start from",
}


def main() -> None:
    arguments = _parser().parse_args()
    try:
        print(json.dumps(_done(arguments.verb, arguments.owner.resolve())))
    except (HostsError, KeyError, ValueError, TypeError, OSError) as error:
        words = str(error) if isinstance(error, HostsError) else f"{type(error).__name__}: {error}"
        print(json.dumps({"error": words}))
        sys.exit(1)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="machines", description="Machines for the simulated Hetzner.")
    parser.add_argument("--owner", type=Path, default=Path(), help="the rehearsal's folder: .kvx-rehearsal")
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb, words in VERBS.items():
        verbs.add_parser(verb, help=words)
    return parser


def _done(verb: str, owner: Path) -> Mapping[str, Any]:
    match verb:
        case "about":
            return _about(owner)
        case "build":
            return {"folder": str(cloud_init.built_layers(_architecture())[0])}
    if os.geteuid() != 0:
        raise HostsError("hosts need root")  # `about` looks at all the rest, once
    tenancy = register.tenancy_of(owner)
    if verb == "put":
        _put(json.load(sys.stdin), owner)
    elif tenancy is not None:
        return _of(verb, tenancy)
    return {"machines": []} if verb == "list" else {}


def _of(verb: str, tenancy: Tenancy) -> Mapping[str, Any]:
    match verb:
        case "delete":
            keeping.delete(tenancy.fleet, int(json.load(sys.stdin)["id"]))
        case "list":
            return {"machines": list(keeping.standing(tenancy))}
        case "rest":
            keeping.rest(tenancy)
        case "clear":
            keeping.clear(tenancy)
    return {}


def _put(wish: Mapping[str, Any], owner: Path) -> None:
    with register.alone():
        tenancy = register.planned(owner)
        register.write_down(tenancy)
    keeping.put(machine_of(wish, tenancy.fleet), tenancy)


def _about(owner: Path) -> Mapping[str, Any]:
    if (reason := lifecycle.missing()) is not None:
        return _told(reason)
    for tenancy in register.abandoned():
        keeping.clear(tenancy)
    architecture = _architecture()
    if not cloud_init.layer_folder(architecture).is_dir():
        return {"missing": "hosts have no root file system yet", "fix": f"{BUILD} (three minutes, once)"}
    tenancy = register.planned(owner)
    return {
        "architectures": [architecture],
        "public_network": tenancy.public_network,
        "gateway": tenancy.gateway,
        "state": str(STATE),
    }


def _told(reason: str) -> Mapping[str, str]:
    what, _, command = reason.partition("; ")
    if not command:
        command = "a machine of its own, not a container" if os.geteuid() == 0 else "the same command as root"
    return {"missing": what, "fix": command}


def _architecture() -> str:
    return next(name for name, machine in lifecycle.MACHINES.items() if machine == platform.machine())
