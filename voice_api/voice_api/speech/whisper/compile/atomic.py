"""A folder that is there whole or not at all, whatever happens to the one who writes it."""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from voice_api.speech.whisper.errors import ModelFolderError

PREFIX = ".compiling-"
LOCK = ".lock"


@contextmanager
def written_whole(target: Path) -> Iterator[Path]:
    """A folder to write into, which becomes `target` at the end and takes the place of what was there.

    What a killed writer left beside it is removed; two who write the same target wait for each other.
    """
    making = target.parent / f"{PREFIX}{target.name}"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with (target.parent / f"{PREFIX}{target.name}{LOCK}").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            _remove(making)
            making.mkdir()
            try:
                yield making
                _settle(making, target)
            finally:
                _remove(making)
                Path(lock.name).unlink(missing_ok=True)
    except OSError as error:
        where = error.filename or target
        fix = "free the space, or make the folder writable; nothing was changed"
        raise ModelFolderError(f"{where} cannot be written: {error.strerror}", fix) from error


def _settle(making: Path, target: Path) -> None:
    for file in (entry for entry in making.rglob("*") if entry.is_file()):
        _sync(file)
    old = making.with_name(f"{making.name}-old")
    _remove(old)
    if target.exists():
        target.rename(old)
    making.rename(target)
    _sync(target.parent)
    _remove(old)


def _sync(path: Path) -> None:
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
