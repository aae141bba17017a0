"""The folder of sounds: each there, whole and on the disk, before its job is, and gone after it."""

import os
from collections.abc import Iterable
from pathlib import Path


class Sounds:
    """Files that only their owner may read, named by their jobs; `arriving` holds those of no job yet."""

    def __init__(self, folder: Path) -> None:
        self._kept = folder / "sounds"
        self._arriving = folder / "arriving"
        for each in (self._kept, self._arriving):
            each.mkdir(mode=0o700, parents=True, exist_ok=True)

    def arrive(self, name: str, sound: bytes) -> None:
        """Write a sound, so that a power cut cannot take it; OSError leaves nothing behind."""
        path = self._arriving / name
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(sound)
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            path.unlink(missing_ok=True)
            raise

    def keep(self, name: str) -> None:
        """What arrived becomes a job's."""
        (self._arriving / name).rename(self._kept / name)
        _settle(self._kept)

    def read(self, name: str) -> bytes:
        """FileNotFoundError for one that was removed."""
        return (self._kept / name).read_bytes()

    def drop(self, name: str) -> None:
        """What arrived is nobody's, unless it was kept."""
        (self._arriving / name).unlink(missing_ok=True)

    def remove(self, names: Iterable[str]) -> None:
        """Whether they are there or not."""
        for name in names:
            (self._kept / name).unlink(missing_ok=True)

    def sweep(self, wanted: frozenset[str]) -> None:
        """For an owner that has just begun: nothing arrives, and nothing is there without a job."""
        for folder in (self._kept, self._arriving):
            for path in folder.iterdir():
                if folder == self._arriving or path.name not in wanted:
                    path.unlink(missing_ok=True)


def _settle(folder: Path) -> None:
    """Names of files are on the disk, too."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
