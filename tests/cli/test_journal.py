"""The journal: appended, safe on the disk, and readable whatever a crash left."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from kvx.journal import Journal, last_run, read
from kvx.steps.service import RemoveFolder


def test_records_are_only_ever_appended(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    before = b""
    for number in range(5):
        Journal(path, f"run{number}").append("run started", 1.0)
        content = path.read_bytes()
        assert content.startswith(before)
        assert len(content) > len(before)
        before = content
    assert [record["run"] for record in read(path)] == [f"run{number}" for number in range(5)]


def test_a_missing_journal_is_an_empty_one(tmp_path: Path) -> None:
    assert read(tmp_path / "journal.jsonl") == ()
    assert last_run(()) is None


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    Journal(tmp_path / "journal.jsonl", "a").append("run started", 1.0)
    assert (tmp_path / "journal.jsonl").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("kept", range(1, 60, 7))
def test_a_torn_last_line_is_left_out_and_mended_by_the_next_record(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "journal.jsonl"
    Journal(path, "one").append("run started", 1.0)
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:kept])
    assert [record["run"] for record in read(path)] == ["one"]
    Journal(path, "two").append("run started", 2.0)
    assert [record["run"] for record in read(path)] == ["one", "two"]
    assert all(json.loads(line) for line in path.read_text().splitlines())


@pytest.mark.parametrize("garbage", [b"\n", b"[]\n", b"{}\n", b"\x00\xff\n", b'{"event"\n'])
def test_a_line_that_is_no_record_is_left_out(tmp_path: Path, garbage: bytes) -> None:
    path = tmp_path / "journal.jsonl"
    Journal(path, "one").append("run started", 1.0)
    path.write_bytes(path.read_bytes() + garbage)
    Journal(path, "two").append("run started", 2.0)
    assert [record["run"] for record in read(path)] == ["one", "two"]


def test_the_last_run_says_in_which_step_it_stopped(tmp_path: Path) -> None:
    path, step = tmp_path / "journal.jsonl", RemoveFolder(Path("/toy"))
    journal = Journal(path, "one")
    journal.append("run started", 1.0)
    journal.step("started", 2.0, "service", step)
    stopped = last_run(read(path))
    assert stopped is not None
    assert (stopped.finished, stopped.stopped_in) == (False, "remove /toy")
    journal.step("finished", 3.0, "service", step)
    between = last_run(read(path))
    assert between is not None
    assert (between.finished, between.stopped_in) == (False, None)
    journal.append("run finished", 4.0)
    finished = last_run(read(path))
    assert finished is not None
    assert finished.finished


WRITER = """
import sys
from pathlib import Path
from kvx.journal import Journal
journal = Journal(Path(sys.argv[1]), "one")
for number in range(1_000_000):
    journal.append("noted", float(number), text="x" * 2000)
    print(number, flush=True)
"""


def test_what_was_told_as_written_outlives_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    for _ in range(3):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, path], stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        told = [int(writer.stdout.readline()) for _ in range(20)]
        writer.send_signal(signal.SIGKILL)
        told += [int(line) for line in writer.communicate(timeout=60)[0].split()]
        times = [record["time"] for record in read(path)]
        assert set(told) <= set(times)
        path.unlink()


ONE_RECORD = """
import sys
from pathlib import Path
from kvx.journal import Journal
Journal(Path(sys.argv[1]), "one").append("run started", 1.0)
"""


@pytest.mark.needs("strace")
def test_a_record_is_synced_to_the_disk_after_it_is_written(tmp_path: Path) -> None:
    path, trace = tmp_path / "journal.jsonl", tmp_path / "trace"
    watched = ["strace", "-f", "-y", "-e", "trace=write,fsync", "-o", trace]
    subprocess.run([*watched, sys.executable, "-c", ONE_RECORD, path], check=True, timeout=60)
    calls = [
        line.split()[1].partition("(")[0] for line in trace.read_text().splitlines() if str(tmp_path) in line
    ]
    assert calls == ["write", "fsync", "fsync"]
