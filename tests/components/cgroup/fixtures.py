"""A cgroup with limits, of version 1 or 2, made for a test and removed after it."""

import contextlib
import itertools
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

TREE = Path("/sys/fs/cgroup")
PERIOD_MICROSECONDS = 100_000
JOIN = 'for file in $CGROUP_PROCS; do echo $$ > "$file"; done; unset CGROUP_PROCS; exec "$@"'
EMPTY_SECONDS = 60
_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class Group:
    """Limits that hold for every process started through `command`."""

    memory: Path
    processor: Path

    def command(self, *arguments: str) -> list[str]:
        """`arguments`, run inside: a shell steps in, and becomes the program."""
        procs = " ".join(
            str(folder / "cgroup.procs") for folder in dict.fromkeys((self.memory, self.processor))
        )
        return ["env", f"CGROUP_PROCS={procs}", "sh", "-c", JOIN, "sh", *arguments]

    @property
    def kills(self) -> int:
        """Processes that were killed for want of memory."""
        file = self.memory / ("memory.events" if _unified() else "memory.oom_control")
        lines = (line.split() for line in file.read_text().splitlines())
        return next(int(value) for name, value in lines if name == "oom_kill")


@contextlib.contextmanager
def limited(memory_bytes: int, cores: float | None = None) -> Iterator[Group]:
    """A group that may hold so much memory, without swap, and use so many cores."""
    name = f"kvx-test-{os.getpid()}-{next(_numbers)}"
    if _unified():
        memory = processor = TREE / name
        memory.mkdir()
        files: dict[str, int | str] = {"memory.max": memory_bytes, "memory.swap.max": 0}
        quota: dict[str, int | str] = {"cpu.max": f"{_quota(cores)} {PERIOD_MICROSECONDS}"} if cores else {}
    else:
        memory, processor = TREE / "memory" / name, TREE / "cpu" / name
        memory.mkdir()
        processor.mkdir()
        files = {"memory.limit_in_bytes": memory_bytes, "memory.swappiness": 0}
        quota = {"cpu.cfs_period_us": PERIOD_MICROSECONDS, "cpu.cfs_quota_us": _quota(cores)} if cores else {}
    try:
        for folder, values in ((memory, files), (processor, quota)):
            for file, value in values.items():
                (folder / file).write_text(f"{value}\n")
        yield Group(memory, processor)
    finally:
        for folder in dict.fromkeys((memory, processor)):
            _remove(folder)


@pytest.fixture
def cgroup_of() -> Iterator[Callable[..., Group]]:
    """cgroup_of(512 << 20, 0.5) makes a group of 512 MiB and half a core; mark tests needs("cgroup")."""
    with contextlib.ExitStack() as groups:
        yield lambda memory_bytes, cores=None: groups.enter_context(limited(memory_bytes, cores))


@cache
def missing(name: str = "cgroup") -> str | None:
    """Why no such group can be made, None if one can: tried once. For COMPONENTS of tests/conftest.py."""
    try:
        with limited(1 << 30, 1.0):
            return None
    except OSError as error:
        return f"no {name} with limits can be made here: {error}"


def _unified() -> bool:
    return (TREE / "cgroup.controllers").is_file()


def _quota(cores: float) -> int:
    return round(cores * PERIOD_MICROSECONDS)


def _remove(folder: Path) -> None:
    """A process that just ended still counts for a moment."""
    deadline = time.monotonic() + EMPTY_SECONDS
    while folder.is_dir():
        try:
            folder.rmdir()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
