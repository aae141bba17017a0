"""The journal as files of a folder: one writer, on disk before it returns, carried over from file to file."""

import fcntl
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from voice_api.commands.journal.chain import Broken, Head, Verdict, record_of, sealed, verified
from voice_api.errors import VoiceApiError

FILE_BYTES = 16 * 1024 * 1024
PATTERN = "journal-*.jsonl"


class Journal:
    """Appends records for as long as it is open. Safe in several threads; one process at a time."""

    def __init__(self, folder: Path, key: bytes, file_bytes: int = FILE_BYTES) -> None:
        self._folder, self._key, self._file_bytes = folder, key, file_bytes
        self._lock = threading.Lock()
        self._lost, self._settled = False, True
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._held = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._file, self._head = self._opened()
        except BlockingIOError as error:
            raise journal_failure(
                "another process writes it", "Give each voice-api a journal of its own."
            ) from error
        except OSError as error:
            raise journal_failure(error.strerror or "it cannot be opened", f"Look at {folder}.") from error

    @property
    def head(self) -> Head:
        with self._lock:
            return self._head

    def append(self, record: Mapping[str, Any], *, lasting: bool = True) -> Head:
        """Write one record and return when it is on disk; VoiceApiError, and no act then, where it is not.

        Where it need not be `lasting`, the system brings it to the disk: by itself within half a minute, and
        with the next that is. Until then only a machine that fails loses it, not a process that does.
        """
        with self._lock:
            if self._lost:
                raise journal_failure("half a record could not be taken back", "Start voice-api again.")
            line, head = sealed(self._head, record, self._key)
            if os.fstat(self._file).st_size >= self._file_bytes:
                self._turn_over(head.number)
            self._write(f"{line}\n".encode("ascii"), lasting)
            self._head = head
            return head

    def settle(self) -> Head:
        """Bring every record to the disk; the head that they lead to."""
        with self._lock:
            if not self._settled:
                try:
                    os.fsync(self._file)
                except OSError as error:
                    raise _unwritable(error) from error
                self._settled = True
            return self._head

    def _turn_over(self, number: int) -> None:
        try:
            following = self._next_file(number)
        except OSError as error:
            raise _unwritable(error) from error
        os.fsync(self._file)
        os.close(self._file)
        self._file = following

    def _write(self, content: bytes, lasting: bool) -> None:
        """All of it or nothing: half a record would break the chain."""
        length = os.fstat(self._file).st_size
        try:
            _write(self._file, content)
            if lasting:
                os.fsync(self._file)
            self._settled = lasting
        except OSError as error:
            try:
                os.ftruncate(self._file, length)
            except OSError:
                self._lost = True
            raise _unwritable(error) from error

    def close(self) -> None:
        with self._lock:
            os.close(self._file)
            os.close(self._held)

    def _opened(self) -> tuple[int, Head]:
        """The last file, ready for its next record; one that was never finished is cut off."""
        files = journal_files(self._folder)
        if not files:
            return self._next_file(1), Head()
        content = files[-1].read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        file = os.open(files[-1], os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        if len(whole) < len(content):
            os.ftruncate(file, len(whole))
        return file, self._last_head(files)

    def _last_head(self, files: list[Path]) -> Head:
        verdict = verified(_lines(files), self._key)
        if isinstance(verdict, Broken):
            why = f"its line {verdict.line} is broken: {verdict.why}"
            raise journal_failure(why, "Put the folder aside for whoever looks into it, and begin a new one.")
        return verdict

    def _next_file(self, number: int) -> int:
        path = self._folder / f"journal-{number:012d}.jsonl"
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return file


def journal_files(folder: Path) -> list[Path]:
    """The files of a journal in their order."""
    return sorted(folder.glob(PATTERN))


def verified_folder(folder: Path, key: bytes) -> Verdict:
    """The head of a journal on disk, or its first broken line, counted through all files."""
    return verified(_lines(journal_files(folder)), key)


class Chain(Protocol):
    """What a journal is to whoever writes it: a file of this process, or a table of many."""

    @property
    def head(self) -> Head: ...

    def append(self, record: Mapping[str, Any], *, lasting: bool = True) -> Head: ...

    def settle(self) -> Head: ...


def recorded(
    journal: Chain, intent: Mapping[str, Any], act: Callable[[], Mapping[str, Any]]
) -> Mapping[str, Any]:
    """Act between two records. Without the first there is no act; a failure is recorded as well.

    An act that has happened is told even where its second record cannot be written: with recorded=False.
    """
    journal.append({**intent, "stage": "before"})
    try:
        outcome = act()
    except VoiceApiError as error:
        journal.append({**intent, "stage": "after", "failed": error.code})
        raise
    try:
        journal.append({**intent, "stage": "after", **outcome})
    except VoiceApiError:
        return {**outcome, "recorded": False}
    return outcome


def last_records(folder: Path, most: int) -> tuple[dict[str, Any], ...]:
    """The newest records of a journal, the oldest of them first; for a journal that was verified."""
    return tuple(record_of(line) for line in deque(lines(folder), maxlen=most))


def lines(folder: Path) -> Iterator[str]:
    """Every line of a journal, the oldest first."""
    return _lines(journal_files(folder))


def _lines(files: list[Path]) -> Iterator[str]:
    for file in files:
        with file.open(encoding="utf-8", errors="replace", newline="\n") as opened:
            yield from (line.removesuffix("\n") for line in opened)


def _write(file: int, content: bytes) -> None:
    """All of it."""
    written = 0
    while written < len(content):
        written += os.write(file, content[written:])


def _unwritable(error: OSError) -> VoiceApiError:
    return journal_failure(error.strerror or "it cannot be written", "Make room on its disk.")


def journal_failure(why: str, fix: str) -> VoiceApiError:
    """No record, and so no act."""
    return VoiceApiError("journal_unwritable", f"The journal cannot be kept: {why}", fix, 503)
