"""Deletes sounds that are no job's any more, from beside the processor that owns the folder."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from stat import S_ISREG

from voice_api.errors import VoiceApiError
from voice_api.jobs.store import FORM

BUSY_SECONDS = 30.0
# A job that has ended needs its sound no more: it is deleted with the answer, or here.
NEEDED = "SELECT id FROM job WHERE status IN ('queued', 'in_progress')"


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What was deleted."""

    files: int
    bytes: int


@dataclass(frozen=True, slots=True)
class _Sound:
    """A file as it was found; `changed` in seconds since 1970."""

    path: Path
    bytes: int
    changed: float


def clean(folder: Path, older_than_seconds: float, now: float) -> Cleaned:
    """Delete sounds of no job that have been there so long; what is younger may be on its way to be one.

    The table is only read, and no lock of the processor's is taken: it may delete the same sounds meanwhile.
    VoiceApiError where the table cannot be read.
    """
    old = [each for each in _sounds(folder) if now - each.changed > older_than_seconds]
    needed = _needed(folder) if old else frozenset()
    files = size = 0
    for sound in old:
        if sound.path.name not in needed:
            with suppress(FileNotFoundError):
                sound.path.unlink()
                files, size = files + 1, size + sound.bytes
    return Cleaned(files, size)


def _sounds(folder: Path) -> Iterator[_Sound]:
    if not (folder / "jobs.sqlite3").is_file():
        message = f"no processor keeps jobs in {folder}"
        raise VoiceApiError("jobs_missing", message, "name its folder with --jobs-folder", 500)
    kept = (folder / "sounds", folder / "arriving")
    for path in chain.from_iterable(each.iterdir() for each in kept if each.is_dir()):
        with suppress(FileNotFoundError):
            found = path.stat()
            if S_ISREG(found.st_mode):
                yield _Sound(path, found.st_size, found.st_mtime)


def _needed(folder: Path) -> frozenset[str]:
    """Asked after the files were listed: a job that was made since has a file that is not among them."""
    address = f"file:{folder / 'jobs.sqlite3'}?mode=ro"
    try:
        with closing(sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS)) as connection:
            (form,) = connection.execute("PRAGMA user_version").fetchone()
            if form == FORM:
                return frozenset(name for (name,) in connection.execute(NEEDED))
    except sqlite3.Error as error:
        message = f"the queue in {folder} cannot be read: {error}"
        raise VoiceApiError("jobs_damaged", message, "see the processor's log", 500) from None
    message = f"the queue in {folder} was written by another version (form {form}, here {FORM})"
    raise VoiceApiError("jobs_of_another", message, "clean with the version of its processor", 500)
