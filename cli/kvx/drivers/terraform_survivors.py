"""A terraform that outlived its kvx: noted with pid and time of birth, found again, waited for, ended."""

import contextlib
import fcntl
import json
import os
import signal
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import psutil

from kvx.drivers.files import replace_file
from kvx.drivers.waiting import wait_until
from kvx.errors import ExitCode, KvxError
from kvx.supervisor.identity import Process, process
from kvx.world import World

WAIT_SECONDS = 60.0
ORPHAN_SECONDS = 1.0
_ALONE_SECONDS = 90.0


def note(path: Path, pid: int) -> None:
    """Write down which process works here."""
    started = process(pid)
    if started is not None:
        replace_file(path, json.dumps(asdict(started)) + "\n")


def noted(path: Path) -> Process | None:
    """The process that was noted last, dead or alive; None where none was, or the note is damaged."""
    try:
        values = json.loads(path.read_text())
        return Process(int(values["pid"]), str(values["birth"]))
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return None


def lives(path: Path, workspace: Path) -> bool:
    """Whether a terraform of an earlier run, or a provider it left behind, is still at work."""
    before = noted(path)
    return before is not None and (before.alive or bool(_orphans(before.pid, workspace)))


def settle(path: Path, workspace: Path, world: World) -> None:
    """Wait until what is left of an earlier run has ended, and end what does not; bounded."""
    before = noted(path)
    if before is None:
        return
    if before.alive:
        world.progress(f"waiting for the terraform of an earlier run, process {before.pid}")
        wait_until(lambda: not before.alive, WAIT_SECONDS, world)
    if _orphans(before.pid, workspace):  # a provider without its terraform waits for ever
        wait_until(lambda: not _orphans(before.pid, workspace), ORPHAN_SECONDS, world)
    _end(before, workspace)
    path.unlink(missing_ok=True)


@contextlib.contextmanager
def alone(path: Path, world: World, *, wait: bool = True) -> Iterator[bool]:
    """Whether no other kvx runs a terraform here meanwhile; the kernel lets go when kvx is killed."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        held = _taken(descriptor)
        if not held and wait:
            held = wait_until(lambda: _taken(descriptor), _ALONE_SECONDS, world)
        if wait and not held:
            message = f"another kvx has been working in {path.parent} for {_ALONE_SECONDS:g} s"
            raise KvxError(message, "wait for it, or end it, then run the command again", ExitCode.MISSING)
        yield held
    finally:
        os.close(descriptor)


def end_group(pid: int) -> None:
    """End a process and everything it started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _end(before: Process, workspace: Path) -> None:
    if before.alive or _orphans(before.pid, workspace):
        end_group(before.pid)


def _orphans(group: int, workspace: Path) -> list[psutil.Process]:
    """Processes of that group in this workspace; both, because a number alone is given again."""
    found = []
    for each in psutil.process_iter():
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            if os.getpgid(each.pid) == group and Path(each.cwd()) == workspace.resolve():
                found.append(each)
    return found
