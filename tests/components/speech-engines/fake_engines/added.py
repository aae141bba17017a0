"""How long something takes, less what a busy machine takes of it."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

TICK_SECONDS = 0.01
IN_MEMORY = Path("/dev/shm")


class Metronome:
    """Sleeps for moments, again and again; `lost` is by how much they were too long: this machine's doing."""

    def __init__(self) -> None:
        self.lost = 0.0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._tick, daemon=True)

    @contextmanager
    def running(self) -> Iterator[None]:
        self._thread.start()
        yield
        self._stopped.set()
        self._thread.join(60)

    def _tick(self) -> None:
        while not self._stopped.is_set():
            before = time.monotonic()
            time.sleep(TICK_SECONDS)
            self.lost += time.monotonic() - before - TICK_SECONDS


def waited() -> dict[str, int]:
    """Nanoseconds for which each thread of this process was ready to run, and the machine ran others."""
    told = {}
    for each in Path("/proc/self/task").glob("*/schedstat"):
        with suppress(OSError):  # a thread that has ended meanwhile
            told[each.parent.name] = int(each.read_text().split()[1])
    return told


def waited_since(before: dict[str, int]) -> float:
    """Seconds; what a thread that has ended meanwhile waited is not known."""
    return sum(max(0, now - before.get(thread, 0)) for thread, now in waited().items()) / 1e9


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Fails where the block takes longer, beside what the machine lost."""
    metronome, started, before = Metronome(), time.monotonic(), waited()
    with metronome.running():
        yield
        took = time.monotonic() - started
        lost = max(metronome.lost, waited_since(before))
    print(f"took {took:.2f} s, of which this machine lost {lost:.2f} s")
    assert took <= seconds + lost


@contextmanager
def folder_in_memory() -> Iterator[Path]:
    """A folder with whose disk nobody else is busy, where the system has one."""
    folder = IN_MEMORY if IN_MEMORY.is_dir() else None
    with TemporaryDirectory(dir=folder, ignore_cleanup_errors=True) as made:
        yield Path(made)
