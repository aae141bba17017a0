"""Who builds the images of a rehearsal: what buildx uses here, else what the repository lends."""

import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from kvx.drivers import builders
from kvx.drivers.programs import run_program
from kvx.errors import KvxError
from kvx.images.builders import ALONE
from kvx.world import World

_IMAGES = Path(__file__).parents[3] / "tests" / "components" / "images"
_LEND, _BUILD = _IMAGES / "lending.py", _IMAGES / "build"
_LOOK_SECONDS = 60.0
_START_SECONDS = 180.0
_END_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class NoBuilder:
    """Why there is none, and what to type."""

    reason: str
    fix: str


@dataclass(frozen=True, slots=True)
class OwnBuilder:
    """What `docker buildx` uses here."""

    name: str


@dataclass(frozen=True, slots=True)
class LentBuilder:
    """BuildKit and base images of tests/components/images, while the rehearsal goes on."""


def look(named: str | None, world: World) -> OwnBuilder | LentBuilder | NoBuilder:
    """Which builder there is; nothing is started."""
    own = _own(named, world)
    if own is not None:
        return OwnBuilder(own)
    if not _BUILD.is_file():
        return NoBuilder("buildx has no builder", "docker buildx create --driver=docker-container --use")
    if os.geteuid() != 0:
        return NoBuilder(
            "buildx has no builder, and only root may start the repository's", "the same as root"
        )
    folder = Path(run_program([str(_BUILD), "--where"], _LOOK_SECONDS, world).output.strip())
    if not (folder / "buildkitd").is_file():
        return NoBuilder("there is nothing to build images with", f"{_BUILD} (needs Go; five minutes, once)")
    return LentBuilder()


@contextmanager
def variables(builder: OwnBuilder | LentBuilder | None) -> Iterator[Mapping[str, str]]:
    """What kvx is called with, so that it builds with this one; what is lent ends with the block."""
    if not isinstance(builder, LentBuilder):
        yield {}
        return
    with subprocess.Popen(
        [sys.executable, "-P", str(_LEND)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as lender:
        try:
            yield _told(lender.stdout)
        finally:
            _end(lender)


def _own(named: str | None, world: World) -> str | None:
    """One that can build for a platform and attest; None without."""
    try:
        found = builders.chosen(named, builders.builders(world))
    except KvxError:
        return None  # no buildx
    return found.name if found is not None and not found.error and found.driver != ALONE else None


def _told(output: IO[bytes] | None) -> Mapping[str, str]:
    ready = output is not None and select.select([output], [], [], _START_SECONDS)[0]
    try:
        lent = dict(json.loads(output.readline() if output is not None and ready else b""))
    except ValueError:
        message = "the builder of the rehearsal does not start"
        raise KvxError(message, f"{sys.executable} -P {_LEND} < /dev/null says why") from None
    lent["PATH"] = f"{lent['PATH']}:{os.environ.get('PATH', os.defpath)}"
    return lent


def _end(lender: "subprocess.Popen[bytes]") -> None:
    if lender.stdin is not None:
        lender.stdin.close()
    try:
        lender.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        lender.kill()
