"""Starts a program, waits for it with a deadline, and gives back what it said."""

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

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
    """Run it to its end; KvxError when it is not there, or not done in time (it is ended then)."""
    try:
        running = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env=without_settings(),
        )
    except OSError as error:
        message = f"{argv[0]} cannot be started: {error.strerror}"
        raise KvxError(message, "./deploy.sh doctor installs what is missing", ExitCode.MISSING) from None
    with running:
        try:
            if not wait_until(lambda: running.poll() is not None, deadline_seconds, world):
                message = f"{argv[0]} did not end within {deadline_seconds:g} s"
                raise KvxError(message, "kvx doctor")
            output, talk = running.communicate()
        finally:
            running.kill()
    return Ended(running.returncode, output, talk)


def without_settings() -> dict[str, str]:
    """The environment without KVX_*: kvx hands settings over in files, where they can be seen."""
    return {name: value for name, value in os.environ.items() if not name.startswith("KVX_")}
