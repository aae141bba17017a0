"""The users' book as a file that only its owner may read: replaced whole, and read again when it changed."""

import fcntl
import json
import os
import secrets
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from voice_api.errors import VoiceApiError
from voice_api.users.book import Book

SEAL_BYTES = 32


def read_book(file: Path) -> Book:
    """VoiceApiError where there is none or it is none."""
    try:
        content = json.loads(file.read_bytes())
        # Lists of JSON are tuples here; nothing else is taken for something it is not.
        return TypeAdapter(Book).validate_python(content)
    except OSError as error:
        raise _unusable(file, error.strerror or "it cannot be read") from None
    except (ValueError, ValidationError):  # whose own words may hold what is secret in it
        raise _unusable(file, "it is no book of users") from None


@contextmanager
def changed(file: Path) -> Iterator[Callable[[Book], None]]:
    """Take `file` for a change: called with a book, it is written whole; a new book if there was none."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        held = os.open(file.with_name(f"{file.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _unusable(file, error.strerror or "its folder cannot be written") from None
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield lambda book: _write(file, asdict(book))
    finally:
        os.close(held)


def book_or_new(file: Path) -> Book:
    return read_book(file) if file.exists() else Book(secrets.token_hex(SEAL_BYTES))


class BookFile:
    """The book that a file holds now: looked at every time, and read when it changed."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._look = self._looked()
        self._book = read_book(file)

    def __call__(self) -> Book:
        with self._lock:
            look = self._looked()
            if look != self._look:
                self._book, self._look = read_book(self._file), look
            return self._book

    def _looked(self) -> tuple[int, int, int]:
        try:
            look = self._file.stat()
        except OSError as error:
            raise _unusable(self._file, error.strerror or "it is not there") from None
        return look.st_mtime_ns, look.st_size, look.st_ino


def _write(file: Path, content: dict[str, Any]) -> None:
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)  # 0600 from the start
        with os.fdopen(descriptor, "w") as fresh:
            json.dump(content, fresh, indent=1)
            fresh.flush()
            os.fsync(fresh.fileno())
        Path(name).replace(file)
    except OSError as error:
        raise _unusable(file, error.strerror or "it cannot be written") from None


def _unusable(file: Path, why: str) -> VoiceApiError:
    fix = "name the file with --users-file, and make the first user with: voice-api user add NAME"
    return VoiceApiError("users_unusable", f"the users in {file} cannot be used: {why}", fix, 503)
