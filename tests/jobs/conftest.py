"""A queue in a folder of its own, whose clock is a test's."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from voice_api.jobs.queue import Bounds, Queue

BOUNDS = Bounds(jobs=8, held_bytes=1_000, attempts=3, keep_seconds=100)


class Hand:
    """A clock that is turned by hand."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def hand() -> Hand:
    return Hand()


@pytest.fixture
def opened(tmp_path: Path, hand: Hand) -> Iterator[Callable[..., Queue]]:
    """Open the queue of this test; what was open before is closed, as its process would have ended."""
    now: list[Queue] = []

    def open_it(bounds: Bounds = BOUNDS) -> Queue:
        while now:
            now.pop().close()
        now.append(Queue(tmp_path / "jobs", bounds, hand))
        return now[0]

    yield open_it
    while now:
        now.pop().close()
