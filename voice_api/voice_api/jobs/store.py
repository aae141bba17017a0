"""The table of jobs in SQLite, and the lock by which one process alone owns it."""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from voice_api.errors import VoiceApiError

FORM = 1
"""Of the table: what an older or newer version wrote is not read."""

TABLE = """
CREATE TABLE job (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    status TEXT NOT NULL CHECK (status IN ('queued', 'in_progress', 'completed', 'failed')),
    created REAL NOT NULL,
    ended REAL,
    attempts INTEGER NOT NULL DEFAULT 0,
    turns INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL,
    seconds REAL NOT NULL,
    key TEXT UNIQUE,
    fingerprint TEXT,
    fields TEXT,
    trouble TEXT,
    media_type TEXT,
    answer BLOB
)
"""


class Store:
    """One connection to FOLDER/jobs.sqlite3; whoever uses it takes turns.

    VoiceApiError where another process owns the folder, or where it cannot be used.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = _owned(folder)
        try:
            self._connection = self._opened(folder / "jobs.sqlite3")
        except sqlite3.DatabaseError as error:
            self._lock.close()
            message = f"the queue in {folder} cannot be read: {error}"
            fix = f"move {folder} away; what waits in it is not heard then"
            raise VoiceApiError("jobs_damaged", message, fix, 500) from None
        except VoiceApiError:
            self._lock.close()
            raise

    @contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """All of what is done within is on the disk when it ends, or none of it."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield self._connection
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def close(self) -> None:
        """Give the folder to whoever comes next."""
        self._connection.close()
        self._lock.close()

    def _opened(self, file: Path) -> sqlite3.Connection:
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        # No log beside it, in which what was deleted would go on to lie, and zeros where it lay.
        connection.execute("PRAGMA journal_mode = TRUNCATE")
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("PRAGMA synchronous = EXTRA")
        connection.row_factory = sqlite3.Row
        (form,) = connection.execute("PRAGMA user_version").fetchone()
        if form == 0:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(TABLE)
            connection.execute(f"PRAGMA user_version = {FORM}")
            connection.execute("COMMIT")
        elif form != FORM:
            connection.close()
            message = f"the queue in {self._folder} was written by another version (form {form}, here {FORM})"
            raise VoiceApiError("jobs_of_another", message, "end that version, or take another folder", 500)
        return connection


def _owned(folder: Path) -> "_Lock":
    fix = "choose another with --jobs-folder, or make it writable"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return _Lock(folder / "lock")
    except BlockingIOError:
        message = f"another process hears the jobs in {folder}"
        raise VoiceApiError("jobs_taken", message, "end it, or choose another --jobs-folder", 500) from None
    except OSError as error:
        message = f"jobs cannot be kept in {folder}: {os.strerror(error.errno or 0)}"
        raise VoiceApiError("jobs_folder_unusable", message, fix, 500) from None


class _Lock:
    """The kernel's, which ends with the process whatever ends it; BlockingIOError where another has it."""

    def __init__(self, file: Path) -> None:
        self._file = os.fdopen(os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "wb")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.close()
            raise

    def close(self) -> None:
        self._file.close()
