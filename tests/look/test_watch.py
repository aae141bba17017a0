"""kvx status --watch on a terminal: redrawn in place, left by Ctrl-C, and the terminal as it was."""

import os
import pty
import subprocess
import sys
import time
from pathlib import Path

OTHER_SCREEN, FIRST_SCREEN = b"\x1b[?1049h", b"\x1b[?1049l"
DEADLINE_SECONDS = 100.0


def read_until(terminal: int, wanted: bytes, times: int, seen: bytes) -> bytes:
    end = time.monotonic() + DEADLINE_SECONDS
    while seen.count(wanted) < times:
        assert time.monotonic() < end, seen
        seen += os.read(terminal, 4_096)
    return seen


def test_a_terminal_is_redrawn_and_is_afterwards_as_it_was(
    tmp_path: Path, clean_environment: dict[str, str]
) -> None:
    terminal, inside = pty.openpty()
    # Where the tests run in the background of a shell, Ctrl-C is ignored, and children inherit that.
    program = ["env", "--default-signal=INT", sys.executable, "-c", "from kvx.main import run; run()"]
    environment = clean_environment | {"TERM": "xterm", "COLUMNS": "60", "LINES": "10"}
    with subprocess.Popen(
        [*program, "status", "--watch"],
        cwd=tmp_path,
        env=environment,
        stdin=inside,
        stdout=inside,
        stderr=inside,
        start_new_session=True,
    ) as process:
        os.close(inside)
        seen = read_until(terminal, b"no voice API is deployed here", 2, b"")
        process.send_signal(2)
        seen = read_until(terminal, FIRST_SCREEN, 1, seen)
        assert process.wait(timeout=DEADLINE_SECONDS) == 0
    os.close(terminal)
    assert seen.startswith(OTHER_SCREEN)
    assert seen.count(b"\x1b[H") >= 2  # each look begins at the top
    assert b"Traceback" not in seen
