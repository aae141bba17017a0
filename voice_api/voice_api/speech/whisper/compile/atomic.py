"""A folder that is there whole or not at all, whatever happens to the one who writes it."""

import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from voice_api.speech.whisper.errors import ModelFolderError

PREFIX = ".compiling-"
LOCK = ".lock"
LONGEST_WAIT_SECONDS = 1_800.0
LOOK_SECONDS = 0.2


@contextmanager
def written_whole(target: Path) -> Iterator[Path]:
    """A folder to write into, which becomes `target` at the end and takes the place of what was there.

    What a killed writer left beside it is removed; two who write the same target wait for each other.
    """
    making = target.parent / f"{PREFIX}{target.name}"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _alone(target.parent / f"{PREFIX}{target.name}{LOCK}"):
            _remove(making)
            making.mkdir()
            try:
                yield making
                _settle(making, target)
            finally:
                _remove(making)
    except OSError as error:
        where = error.filename or target
        fix = "free the space, or make the folder writable; nothing was changed"
        raise ModelFolderError(f"{where} cannot be written: {error.strerror}", fix) from error


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold a lock file, which is removed at the end; ModelFolderError when another writer never ends."""
    end = time.monotonic() + LONGEST_WAIT_SECONDS
    lock = _taken(path)
    while lock is None:
        if time.monotonic() > end:
            fix = "wait for the other compile to end, or end it"
            raise ModelFolderError(f"{path} is held by another program", fix)
        time.sleep(LOOK_SECONDS)
        lock = _taken(path)
    with lock:
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def _taken(path: Path) -> TextIO | None:
    """The lock file, locked; None while another has it, or has just removed the one that was opened."""
    lock = path.open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(lock.fileno()), path.stat()):
            return lock
    except (BlockingIOError, FileNotFoundError):
        pass
    lock.close()
    return None


def _settle(making: Path, target: Path) -> None:
    for file in (entry for entry in making.rglob("*") if entry.is_file()):
        flush(file)
    old = making.with_name(f"{making.name}-old")
    _remove(old)
    if target.exists():
        target.rename(old)
    making.rename(target)
    flush(target.parent)
    _remove(old)


def flush(path: Path) -> None:
    """Have a file or folder on disk, so that a power cut after a rename finds it whole."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


def digests(folder: Path) -> Mapping[str, str]:
    """The checksum of every file in a folder, by its name."""
    found: dict[str, str] = {}
    for file in sorted(folder.iterdir()):
        with file.open("rb") as stream:
            found[file.name] = hashlib.file_digest(stream, "sha256").hexdigest()
    return found
