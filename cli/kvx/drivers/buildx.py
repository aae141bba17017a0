"""Runs one build by buildx: followed while it works, ended in good order, and asked why where it failed."""

import base64
import contextlib
import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kvx.drivers import terraform_tether as tether
from kvx.drivers.files import replace_file
from kvx.drivers.programs import run_program, without_settings
from kvx.errors import ExitCode, KvxError
from kvx.images.cluster_builder import NAME as CLUSTER_BUILDER
from kvx.images.cluster_builder import WHY_NOT
from kvx.images.pace import Pace
from kvx.world import World

SLICE_SECONDS = 0.1
ENDING_SECONDS = 20.0
LOOKING_SECONDS = 30.0
SHOWN_LINES = 6
PACE = ".pace.json"
# Steps by BuildKit's own words: the first build finds nothing remembered, and no build fails for that.
REMEMBERING = ("importing cache manifest", "exporting cache")
PACE_SECONDS = 5.0


class BuildFailedError(KvxError):
    """The builder answers, and could not make or push the image."""


@dataclass(frozen=True, slots=True)
class Build:
    """A call of `docker buildx bake`; `variables` are those of the bake file, `log` gets all it says."""

    flags: Sequence[str]
    variables: Mapping[str, str]
    source: Path
    log: Path
    builder: str | None = None


def run(build: Build, end: float, world: World) -> None:
    """To its end; KvxError with the reason where it fails, is stopped, or goes on past `end`."""
    argv = [*program(world), "bake", *([f"--builder={build.builder}"] if build.builder else []), *build.flags]
    build.log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _started(argv, build) as child, build.log.open(errors="replace") as log:
        heard = _Heard(world, Pace(_before(build)))
        while child.poll() is None:
            heard.hear(log.read())
            if world.stop_requested():
                _end(child)
                message = "stopped the build on request; what was built is remembered"
                raise KvxError(message, "the same command goes on from here", ExitCode.INTERRUPTED)
            if world.monotonic() >= end:
                _end(child)
                message = "the build did not end in time"
                raise KvxError(message, f"less {build.log}; the same command goes on from here")
            world.sleep(SLICE_SECONDS)
        heard.hear(log.read() + "\n")
    if child.returncode != 0:
        _refuse_without_builder(build.builder, world)
        raise _failed(build, heard)
    replace_file(build.log.with_suffix(PACE), json.dumps(heard.pace.seconds) + "\n")


def _before(build: Build) -> Mapping[str, float]:
    """How long the steps of the last build took; nothing where there was none."""
    try:
        told = json.loads(build.log.with_suffix(PACE).read_text())
        return {str(name): float(seconds) for name, seconds in told.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def _failed(build: Build, heard: "_Heard") -> BuildFailedError:
    words = "; ".join(heard.errors[:1] or heard.rest[-SHOWN_LINES:]) or "it says nothing"
    # BuildKit hands errors of the system on as words only.
    if os.strerror(errno.ENOSPC).lower() in words.lower():
        name = f" --builder {build.builder}" if build.builder else ""
        return BuildFailedError(f"the disk of the builder is full: {words}", f"docker buildx prune{name}")
    return BuildFailedError(f"the build failed: {words}", f"less {build.log}")


def program(world: World) -> list[str]:
    """How buildx is called here; KvxError with exit code 3 where it is not installed."""
    if (
        shutil.which("docker")
        and run_program(("docker", "buildx", "version"), LOOKING_SECONDS, world).code == 0
    ):
        return ["docker", "buildx"]
    if alone := shutil.which("buildx"):
        return [alone]
    message = "buildx is not installed, and builds the images"
    raise KvxError(message, "apt-get install docker-buildx", ExitCode.MISSING)


def _refuse_without_builder(builder: str | None, world: World) -> None:
    """Told by buildx's exit code: a builder that was there may be gone by now."""
    looking = ("inspect", "--bootstrap", *([builder] if builder else []))
    try:
        answers = run_program((*program(world), *looking), LOOKING_SECONDS, world).code == 0
    except KvxError:
        answers = False  # not in time
    if not answers:
        message = f"the builder {builder or 'that buildx uses'} does not answer"
        fix = WHY_NOT if builder == CLUSTER_BUILDER else f"docker buildx {' '.join(looking)}"
        raise KvxError(message, fix, ExitCode.MISSING)


@contextlib.contextmanager
def _started(argv: Sequence[str], build: Build) -> Iterator[subprocess.Popen[bytes]]:
    """In a process group of its own, and tied to kvx: when kvx dies, buildx is asked to end."""
    descriptor = os.open(build.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "wb") as log:
        child = subprocess.Popen(
            [sys.executable, "-I", "-S", tether.__file__, *argv],
            cwd=build.source,
            env={**without_settings(), **build.variables},
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            process_group=0,
        )
    try:
        assert child.stdin is not None  # noqa: S101  a pipe was asked for
        with contextlib.suppress(BrokenPipeError), child.stdin:
            child.stdin.write(b"\n")
        yield child
    finally:
        _end(child)


def _end(child: subprocess.Popen[bytes]) -> None:
    """It cancels what the builder does for it, and is not waited for longer than that takes."""
    if child.poll() is None:
        child.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(ENDING_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


class _Heard:
    """What buildx tells with --progress=rawjson: a line for each change of a step.

    The first error is the reason; the others are of steps that were cancelled because of it.
    """

    def __init__(self, world: World, pace: Pace) -> None:
        self._world = world
        self.pace = pace
        self._paced = world.monotonic()
        self._rest = ""
        self._told: set[str] = set()
        self._last_lines: dict[str, str] = {}
        self.errors: list[str] = []
        self.rest: list[str] = []

    def hear(self, text: str) -> None:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            try:
                status = json.loads(line)
            except ValueError:
                self.rest += [line.strip()] if line.strip() else []
                continue
            for said in (status.get("logs") or ()) if isinstance(status, dict) else ():
                text = base64.b64decode(said.get("data") or "").decode(errors="replace")
                self._last_lines[str(said.get("vertex"))] = (text.strip().splitlines() or [""])[-1]
            for moved in (status.get("statuses") or ()) if isinstance(status, dict) else ():
                self.pace.transfer(moved)
            for vertex in (status.get("vertexes") or ()) if isinstance(status, dict) else ():
                self.pace.step(vertex)
                self._vertex(vertex)
        if lines and self._world.monotonic() - self._paced >= PACE_SECONDS:
            self._paced = self._world.monotonic()
            self._world.progress(self.pace.words)

    def _vertex(self, vertex: Mapping[str, Any]) -> None:
        name, state = str(vertex.get("name", "")), "began"
        if vertex.get("error") and not name.startswith(REMEMBERING):
            last_line = self._last_lines.get(str(vertex.get("digest")))
            self.errors.append(f"{_short(name)}: {last_line or vertex['error']}")
        if vertex.get("completed"):
            state = "as before" if vertex.get("cached") else "done"
        if not vertex.get("started") or name.startswith("[internal]"):
            return
        words = f"{_short(name)}: {state}"
        if words not in self._told:
            self._told.add(words)
            self._world.progress(words)


def _short(name: str) -> str:
    """The beginning of a step's name: a RUN may be a screen long."""
    words = name.split(" --mount", 1)[0]
    return words if len(words) <= 90 else f"{words[:87]}..."
