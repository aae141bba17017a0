"""Starts programs of the machine, and turns their failure into words."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

PROGRAM_SECONDS = 150.0
# Each program, and the Debian package that has it.
PACKAGES = {
    "containerd": "containerd",
    "ctr": "containerd",
    "runc": "runc",
    "/usr/lib/cni/ptp": "containernetworking-plugins",
    "iptables": "iptables",
    "nft": "nftables",
    "ip": "iproute2",
    "unshare": "util-linux",
    "setpriv": "util-linux",
    "etcd": "etcd-server",
    "openssl": "openssl",
}


class NodeError(Exception):
    """What is missing, or which part did not come up, in words."""


def missing() -> str | None:
    for program, package in PACKAGES.items():
        if shutil.which(program) is None:
            return f"{program} is missing; apt-get install {package}"
    return None


def run(*command: str, cwd: Path | None = None) -> str:
    """What the program printed; NodeError with its complaint where it failed."""
    done = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, timeout=PROGRAM_SECONDS, check=False
    )
    if done.returncode != 0:
        raise NodeError(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def until(what: str, seconds: float, holds: Callable[[], bool]) -> None:
    """Waits for it; NodeError where it does not come."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise NodeError(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.1)


def started(command: list[str], log: Path, **environment: str) -> "subprocess.Popen[bytes]":
    """A program in the background, with its words in a file."""
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            env=dict(os.environ, **environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
