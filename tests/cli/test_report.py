"""What a run tells: plain lines, a live terminal, and JSON whose keys are a promise."""

import io
import json
import os
import pty
import select
import subprocess
import sys
from pathlib import Path

from kvx.errors import ExitCode, KvxError
from kvx.report import Failed, Finished, JsonLines, Lines, Note, Progressed, Started
from kvx.steps.service import RemoveFolder

STEP = RemoveFolder(Path("/a/path/that/is/longer/than/eighty/columns/so/that/wrapping/it/would/break/it"))
ERROR = KvxError("it is busy", "wait", ExitCode.MISSING)
EVENTS = (
    Note("resuming run a1b2"),
    Started("service", STEP),
    Progressed("service", STEP, "half of it"),
    Finished("service", STEP, changed=True, seconds=1.26, lines=("at /x",), data={"address": "http://h"}),
    Finished("service", STEP, changed=False, seconds=0),
    Failed("service", STEP, ERROR, 0.5),
)


def test_plain_lines_are_whole_and_without_codes() -> None:
    stream = io.StringIO()
    for event in EVENTS:
        Lines(stream)(event)
    assert stream.getvalue() == (
        "resuming run a1b2\n"
        f"remove {STEP.folder} ...\n"
        "  half of it\n"
        f"remove {STEP.folder}: done (1.3 s)\n"
        "  at /x\n"
        f"remove {STEP.folder}: nothing to change (0.0 s)\n"
        f"remove {STEP.folder}: failed (0.5 s)\n"
    )


def test_the_json_of_each_event_is_frozen() -> None:
    stream = io.StringIO()
    for event in EVENTS:
        JsonLines(stream, "kvx/deploy/v1")(event)
    about = {"schema": "kvx/deploy/v1", "phase": "service", "kind": "RemoveFolder", "words": STEP.words}
    error = {"error": "it is busy", "fix": "wait", "exit_code": 3}
    assert [json.loads(line) for line in stream.getvalue().splitlines()] == [
        {"schema": "kvx/deploy/v1", "event": "note", "words": "resuming run a1b2"},
        about | {"event": "started", "command": ["rm", "-r", str(STEP.folder)]},
        about | {"event": "progressed", "progress": "half of it"},
        about
        | {
            "event": "finished",
            "changed": True,
            "seconds": 1.26,
            "lines": ["at /x"],
            "data": {"address": "http://h"},
        },
        about | {"event": "finished", "changed": False, "seconds": 0, "lines": [], "data": {}},
        about | {"event": "failed", "seconds": 0.5} | error,
    ]


LIVE = """
import sys, time
from pathlib import Path
from kvx.steps.service import StopService
from kvx.report import Finished, Live, Progressed, Started
step = StopService(Path("/toy"))
report = Live(sys.stderr)
report(Started("service", step))
report(Progressed("service", step, "[bold]half of it"))
time.sleep(0.3)
report(Finished("service", step, changed=True, seconds=0.3, lines=("at " + "/long" * 30,)))
report.close()
"""


def test_a_terminal_shows_the_time_elapsed_and_keeps_the_last_line() -> None:
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", LIVE],
        stderr=follower,
        stdout=subprocess.PIPE,
        env=os.environ | {"TERM": "xterm"},
    )
    os.close(follower)
    shown = b""
    while select.select([leader], [], [], 100)[0]:
        try:
            shown += os.read(leader, 4096)
        except OSError:  # the other end is closed
            break
    assert process.wait(100) == 0
    text = shown.decode()
    assert "stop the voice API: [bold]half of it" in text
    assert "0:00:00" in text
    assert "stop the voice API: done (0.3 s)\r\n" in text
    assert "/long" * 30 in text
    assert process.stdout is not None
    assert process.stdout.read() == b""
