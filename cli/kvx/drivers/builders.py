"""Asks buildx which builders there are, and makes one of a machine that is reached by SSH."""

import hashlib
import shlex
from urllib.parse import urlsplit

from kvx.drivers.buildx import program
from kvx.drivers.programs import run_program
from kvx.drivers.ssh_failures import last_words
from kvx.errors import ExitCode, KvxError
from kvx.images.builders import Builder, read_builders
from kvx.world import World

SSH = "ssh://"
_SECONDS = 60.0
# BuildKit's own client wins: where it is installed, a buildkitd was meant.
_LOOK = """
command -v buildctl >/dev/null && echo remote
command -v docker >/dev/null && echo docker-container
true
"""


def builders(world: World) -> tuple[Builder, ...]:
    """All that buildx knows; KvxError with exit code 3 without buildx."""
    ended = run_program((*program(world), "ls", "--format=json"), _SECONDS, world)
    if ended.code != 0:
        message = f"buildx does not tell its builders: {last_words(ended.talk)}"
        raise KvxError(message, "update buildx to 0.17 or newer", ExitCode.MISSING)
    return read_builders(ended.output)


def chosen(named: str | None, known: tuple[Builder, ...]) -> Builder | None:
    """The one that a build uses: that of the name, else what buildx uses by itself."""
    name = name_of(named) if named else None
    ours = (each for each in known if (each.name == name if name else each.is_chosen))
    return next(ours, None)


def usable(named: str | None, world: World) -> str | None:
    """The name for --builder; of an address, ssh://USER@HOST, after a builder was made of it."""
    if named is None or not named.startswith(SSH):
        return named
    name = name_of(named)
    if any(each.name == name for each in builders(world)):
        return name
    driver = _driver_of(named, world)
    world.progress(f"makes {name}, a builder of {named}")
    create = (*program(world), "create", f"--name={name}", f"--driver={driver}", named)
    ended = run_program(create, _SECONDS, world)
    if ended.code != 0:
        message = f"{named} does not become a builder: {last_words(ended.talk)}"
        raise KvxError(message, shlex.join(("docker", "buildx", *create[-4:])), ExitCode.MISSING)
    return name


def name_of(named: str) -> str:
    """What a builder is called: an address has one of its own, the same each time."""
    if not named.startswith(SSH):
        return named
    return f"kvx-{hashlib.sha256(named.encode()).hexdigest()[:8]}"


def _driver_of(address: str, world: World) -> str:
    """How buildx gets on with that machine, from what is installed there."""
    parts = urlsplit(address)
    if not parts.hostname or parts.password:
        message = f"{address} is no address of a builder"
        raise KvxError(message, "write it as ssh://USER@HOST; the key is ssh's affair", ExitCode.USAGE)
    port = ("-p", str(parts.port)) if parts.port else ()
    user = ("-l", parts.username) if parts.username else ()
    reach = ("ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10", *port, *user, parts.hostname)
    ended = run_program((*reach, _LOOK), _SECONDS, world)
    if ended.code != 0:
        message = f"the builder {address} was not reached: {last_words(ended.talk)}"
        raise KvxError(message, f"{shlex.join(reach)} docker version", ExitCode.MISSING)
    if not ended.output.split():
        message = f"there is neither Docker nor BuildKit on {parts.hostname}"
        raise KvxError(message, f"{shlex.join(reach)} apt-get install -y docker.io", ExitCode.MISSING)
    return ended.output.split()[0]
