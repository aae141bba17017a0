"""A process of the service by itself: what becomes of one that has ended, and of one that cannot start."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from kvx.supervisor.child import RunningChild
from kvx.supervisor.listeners import Listeners, open_listeners
from kvx.supervisor.log import RotatingLog
from kvx.supervisor.records import Wanted

ENDS_AT_ONCE = (sys.executable, "-c", "raise SystemExit(7)")


def wanted(*argv: str) -> Wanted:
    return Wanted("r", "g", argv, "127.0.0.1", None, "127.0.0.1", None, "1", "none")


@pytest.fixture
def listeners() -> Iterator[Listeners]:
    opened = open_listeners(wanted(), None, (None, None))
    yield opened
    opened.close_all_but(None)


@pytest.fixture
def log(tmp_path: Path) -> RotatingLog:
    return RotatingLog(tmp_path / "voice-api.log", 10_000, 1)


def test_a_child_that_has_just_died_may_be_asked_to_finish(listeners: Listeners, log: RotatingLog) -> None:
    child = RunningChild(wanted(*ENDS_AT_ONCE), listeners, log)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    child.ask_to_finish()
    assert child.exit_code() == 7
    child.close()


def test_a_child_that_cannot_be_started_leaves_nothing_open(listeners: Listeners, log: RotatingLog) -> None:
    before = psutil.Process().num_fds()
    with pytest.raises(OSError, match="Argument list too long"):
        RunningChild(wanted("x" * 10_000_000), listeners, log)
    assert psutil.Process().num_fds() == before
