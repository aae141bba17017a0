"""Starts a program, waits for it with a deadline, and gives back what it said."""

import os
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO

from kvx.drivers.waiting import wait_until
from kvx.errors import ExitCode, KvxError
from kvx.world import World


@dataclass(frozen=True, slots=True)
class Ended:
    """A program that has ended, with what it printed."""

    code: int
    output: str
    talk: str


def run_program(argv: Sequence[str], deadline_seconds: float, world: World) -> Ended:
    """Run it to its end; KvxError when it is not there, or not done in time (it is ended then).

    What it prints goes to files: no pipe can fill up, or be held open by what it leaves running.
    """
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as talk:
        running = _started(argv, output, talk)
        try:
            if not wait_until(lambda: running.poll() is not None, deadline_seconds, world):
                message = f"{argv[0]} did not end within {deadline_seconds:g} s"
                raise KvxError(message, "kvx doctor")
        finally:
            running.kill()
            running.wait()
        return Ended(running.returncode, _text(output), _text(talk))


def _started(argv: Sequence[str], output: IO[bytes], talk: IO[bytes]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=output, stderr=talk, env=without_settings()
        )
    except OSError as error:
        message = f"{argv[0]} cannot be started: {error.strerror}"
        raise KvxError(message, "./deploy.sh doctor installs what is missing", ExitCode.MISSING) from None


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


def without_settings() -> dict[str, str]:
    """The environment without KVX_*: kvx hands settings over in files, where they can be seen."""
    return {name: value for name, value in os.environ.items() if not name.startswith("KVX_")}
