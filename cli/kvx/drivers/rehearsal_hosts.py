"""Test hosts behind the simulated Hetzner: whether this machine can have them, and what is asked of them."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kvx.drivers.programs import run_program
from kvx.errors import KvxError
from kvx.world import World

_COMPONENTS = Path(__file__).parents[3] / "tests" / "components"
PROGRAM = _COMPONENTS / "hosts" / "machines"
STAND_IN = _COMPONENTS / "k3s-stand-in" / "build"
WITH_CONTAINERS = STAND_IN.with_name("with_containers")

_LOOK_SECONDS = 120.0  # hosts of a rehearsal whose folder is gone are taken away first
_END_SECONDS = 180.0


@dataclass(frozen=True, slots=True)
class NoHosts:
    """Why there can be none, and what to type."""

    reason: str
    fix: str


@dataclass(frozen=True, slots=True)
class Hosts:
    """Hosts can stand here, and k3s's stand-in is there to be put on them.

    `with_containers` are the releases whose nodes run their pods; they may be missing.
    """

    architecture: str
    releases: Mapping[str, Path]
    with_containers: Mapping[str, Path]


def look(own: Path, world: World) -> Hosts | NoHosts:
    """What this machine can have; nothing is started or built."""
    if not (PROGRAM.is_file() and STAND_IN.is_file()):
        return NoHosts(
            "this kvx was installed without its repository", "git clone it, then ./deploy.sh rehearse deploy"
        )
    said = _ask(own, "about", _LOOK_SECONDS, world)
    if "missing" in said:
        return NoHosts(str(said["missing"]), str(said["fix"]))
    releases = _releases(STAND_IN, world)
    if not releases:
        return NoHosts("k3s's stand-in is not built", f"{STAND_IN} (needs Go; six minutes, once)")
    return Hosts(str(said["architectures"][0]), releases, _releases(WITH_CONTAINERS, world))


def rest(own: Path, world: World) -> None:
    """Shut the hosts down; they keep their disks."""
    _ask(own, "rest", _END_SECONDS, world)


def clear(own: Path, world: World) -> None:
    """Take the hosts away, with every bridge, mount and setting they brought."""
    _ask(own, "clear", _END_SECONDS, world)


def _ask(own: Path, verb: str, seconds: float, world: World) -> Mapping[str, Any]:
    ended = run_program([sys.executable, str(PROGRAM), "--owner", str(own), verb], seconds, world)
    try:
        said = json.loads(ended.output)
    except ValueError:
        said = {"error": ended.talk.strip() or f"exit code {ended.code}"}
    if "error" in said:
        raise KvxError(f"the hosts of the rehearsal: {said['error']}", f"{PROGRAM} --owner {own} {verb}")
    return dict(said)


def _releases(program: Path, world: World) -> Mapping[str, Path]:
    """The folders of k3s's stand-in, by version; those that are whole."""
    folder = Path(run_program([str(program), "--where"], _LOOK_SECONDS, world).output.strip())
    lists = sorted(folder.glob("*/sha256sum-*.txt"))
    return {each.parent.name: each.parent for each in lists}
