"""At most one supervisor per folder: a lock that the kernel gives back when its owner dies."""

import fcntl
import json
import os
import time
from dataclasses import asdict
from pathlib import Path

from kvx.supervisor.identity import Process, process

_PATIENCE_SECONDS = 1.0


class Claim:
    """The right to supervise a folder, held as long as the process lives."""

    def __init__(self, path: Path, handle: int) -> None:
        self._path = path
        self._handle = handle

    @property
    def holds(self) -> bool:
        """False when someone removed the folder: then nobody could ever find this supervisor again."""
        try:
            return os.path.samestat(os.fstat(self._handle), self._path.stat())
        except FileNotFoundError:
            return False

    def give_back(self) -> None:
        if self.holds:
            self._path.unlink()
        os.close(self._handle)


def claim(path: Path) -> Claim | None:
    """None when another supervisor holds it; OSError when the file cannot be written."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    end = time.monotonic() + _PATIENCE_SECONDS
    while not _lock(handle):
        if time.monotonic() >= end:
            os.close(handle)
            return None
        time.sleep(0.05)
    claimed = Claim(path, handle)
    if not claimed.holds:  # the one before removed it just now
        os.close(handle)
        return claim(path)
    os.ftruncate(handle, 0)
    os.pwrite(handle, json.dumps(asdict(_myself())).encode(), 0)
    return claimed


def owner(path: Path) -> Process | None:
    """The living supervisor of a folder; a file left by a dead one counts as none."""
    try:
        owner = Process(**json.loads(path.read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None
    return owner if owner.alive else None


def _myself() -> Process:
    myself = process(os.getpid())
    if myself is None:
        raise RuntimeError("this process is not alive")
    return myself


def _lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
