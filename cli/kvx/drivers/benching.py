"""Runs a program to its end with this terminal, under a deadline: what it prints is the user's."""

import os
import signal
import subprocess
from collections.abc import Sequence

from kvx.drivers.programs import without_settings
from kvx.errors import ExitCode, KvxError

END_SECONDS = 10.0


def run_shown(argv: Sequence[str], deadline_seconds: float) -> int:
    """Its exit code; KvxError when it is not there, or not done in time (it and all it started are ended)."""
    try:
        child = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, env=without_settings(), start_new_session=True
        )
    except OSError as error:
        message = f"{argv[0]} cannot be started: {error.strerror}"
        raise KvxError(message, "./deploy.sh doctor installs what is missing", ExitCode.MISSING) from None
    try:
        code = child.wait(deadline_seconds)
    except subprocess.TimeoutExpired:
        message = f"{argv[0]} did not end within {deadline_seconds:g} s"
        raise KvxError(message, "measure less: fewer models, --rounds 3, or a larger --deadline") from None
    finally:
        _end(child)
    return code if code >= 0 else 128 - code


def _end(child: "subprocess.Popen[bytes]") -> None:
    """End what is left of its group: asked first, then made to."""
    if child.poll() is not None:
        return
    os.killpg(child.pid, signal.SIGTERM)
    try:
        child.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
