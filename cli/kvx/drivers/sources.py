"""Which revision of git the sources are of, and what was changed since."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kvx.drivers.programs import run_program
from kvx.errors import ExitCode, KvxError
from kvx.world import World

GIT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Sources:
    """What an image is made of; `change` is empty where nothing was changed since the revision."""

    revision: str
    time: str
    change: bytes
    address: str


def sources_of(folder: Path, made_of: Sequence[str], world: World) -> Sources:
    """Asked of git, about these folders in it; KvxError with exit code 3 where it is no clone."""
    change = _said(folder, ("diff", "HEAD", "--", *made_of), world).encode()
    others = _said(folder, ("ls-files", "--others", "--exclude-standard", "--", *made_of), world)
    for name in others.splitlines():
        change += name.encode() + (folder / name).read_bytes()
    revision, time = _said(folder, ("log", "-1", "--format=%H %ct"), world).split()
    return Sources(revision, time, change, _address(folder, world))


def _address(folder: Path, world: World) -> str:
    """Where the clone came from, without a login that may stand in it; empty for a clone of nothing."""
    ended = run_program(("git", "-C", str(folder), "remote", "get-url", "origin"), GIT_SECONDS, world)
    scheme, separator, rest = ended.output.strip().partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}" if ended.code == 0 else ""


def _said(folder: Path, words: Sequence[str], world: World) -> str:
    ended = run_program(("git", "-C", str(folder), *words), GIT_SECONDS, world)
    if ended.code != 0:
        message = f"{folder} is no clone of git, so its images would have no revision: {ended.talk.strip()}"
        raise KvxError(message, "git clone kvx, and run it from there", ExitCode.MISSING)
    return ended.output
