"""The log of the service: appended by the supervisor, rotated by size, bounded in number."""

import contextlib
from pathlib import Path


class RotatingLog:
    """`voice-api.log`, then `.1` to `.N`, the highest number the oldest.

    A log that cannot be written (full disk) loses lines and never stops the service.
    """

    def __init__(self, path: Path, limit_bytes: int, count: int) -> None:
        self._path = path
        self._limit_bytes = limit_bytes
        self._count = count

    def limit(self, limit_bytes: int, count: int) -> None:
        self._limit_bytes, self._count = limit_bytes, count

    def write(self, data: bytes) -> None:
        with contextlib.suppress(OSError):
            if self._size() + len(data) > self._limit_bytes:
                self._rotate()
            with self._path.open("ab") as file:
                file.write(data)

    def _size(self) -> int:
        return self._path.stat().st_size if self._path.exists() else 0

    def _numbered(self, number: int) -> Path:
        return self._path if number == 0 else self._path.with_name(f"{self._path.name}.{number}")

    def _rotate(self) -> None:
        self._numbered(self._count).unlink(missing_ok=True)
        for number in reversed(range(self._count)):
            if self._numbered(number).exists():
                self._numbered(number).rename(self._numbered(number + 1))
