"""Runs a program of the machine and turns its failure into words."""

import os
import subprocess
from pathlib import Path

from systemd_hosts.template import HostsError

PROGRAM_SECONDS = 60.0


def run(*command: str, standard_input: str | None = None) -> str:
    """What the program printed; HostsError with its complaint where it failed."""
    done = subprocess.run(
        command, input=standard_input, capture_output=True, text=True, timeout=PROGRAM_SECONDS, check=False
    )
    if done.returncode != 0:
        raise HostsError(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def replace_file(path: Path, content: str) -> None:
    """In one move: nobody reads half of it, also after a kill."""
    unfinished = path.with_name(f"{path.name}.{os.getpid()}")
    unfinished.write_text(content)
    unfinished.replace(path)


def succeeds(*command: str) -> bool:
    done = subprocess.run(command, capture_output=True, timeout=PROGRAM_SECONDS, check=False)
    return done.returncode == 0
