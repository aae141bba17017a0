"""The journal is on disk before anything is done, and where it cannot be, nothing is done."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from voice_api.commands.journal.chain import Broken, Head, record_of
from voice_api.commands.journal.file import Journal, journal_files, recorded, verified_folder
from voice_api.errors import VoiceApiError

KEY = b"a key of the journal"
ROUNDS = 200


def records(folder: Path) -> list[dict[str, Any]]:
    return [record_of(line) for file in journal_files(folder) for line in file.read_text().splitlines()]


def test_what_is_appended_is_there_after_it_was_opened_again(tmp_path: Path) -> None:
    for number in range(3):
        journal = Journal(tmp_path, KEY)
        journal.append({"command": number})
        journal.close()
    assert [each["command"] for each in records(tmp_path)] == [0, 1, 2]
    assert verified_folder(tmp_path, KEY) == Journal(tmp_path, KEY).head


def test_nobody_else_reads_it(tmp_path: Path) -> None:
    Journal(tmp_path / "journal", KEY).append({"command": 1})
    assert (tmp_path / "journal").stat().st_mode & 0o077 == 0
    assert all(file.stat().st_mode & 0o077 == 0 for file in journal_files(tmp_path / "journal"))


THREE_QUESTIONS_AND_A_CHANGE = """
import sys
from pathlib import Path
from voice_api.commands.journal.file import Journal
journal = Journal(Path(sys.argv[1]), b"key")
for number in range(3):
    journal.append({"command": number}, lasting=False)
journal.append({"command": 3})
journal.append({"command": 4}, lasting=False)
journal.settle()
journal.settle()
"""


@pytest.mark.needs("strace")
def test_a_change_waits_for_the_disk_and_so_does_a_checkpoint_but_no_question(tmp_path: Path) -> None:
    folder, trace = tmp_path / "journal", tmp_path / "trace"
    watched = ["strace", "-f", "-y", "-e", "trace=write,fsync", "-o", trace]
    program = [sys.executable, "-c", THREE_QUESTIONS_AND_A_CHANGE, folder]
    subprocess.run([*watched, *program], check=True, timeout=60)
    lines = [line for line in trace.read_text().splitlines() if ".jsonl" in line]
    calls = [line.split()[1].partition("(")[0] for line in lines]
    assert calls == ["write", "write", "write", "write", "fsync", "write", "fsync"]
    assert len(records(folder)) == 5


def test_many_threads_write_one_chain_through_many_files(tmp_path: Path) -> None:
    journal = Journal(tmp_path, KEY, file_bytes=2_000)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: journal.append({"command": number}), range(100)))
    assert len(journal_files(tmp_path)) > 3
    assert verified_folder(tmp_path, KEY) == journal.head
    assert sorted(each["command"] for each in records(tmp_path)) == list(range(100))
    journal.close()
    again = Journal(tmp_path, KEY, file_bytes=2_000)
    assert again.append({"command": 100}).number == 101


def test_a_record_that_was_never_finished_is_cut_off(tmp_path: Path) -> None:
    journal = Journal(tmp_path, KEY)
    journal.append({"command": 1})
    journal.close()
    with journal_files(tmp_path)[0].open("ab") as file:
        file.write(b'{"command":2,"numb')
    Journal(tmp_path, KEY).append({"command": 3})
    assert [each["command"] for each in records(tmp_path)] == [1, 3]
    assert isinstance(verified_folder(tmp_path, KEY), Head)


def test_a_broken_journal_is_not_gone_on_with(tmp_path: Path) -> None:
    journal = Journal(tmp_path, KEY)
    journal.append({"command": 1})
    journal.append({"command": 2})
    journal.close()
    file = journal_files(tmp_path)[0]
    file.write_text(file.read_text().replace('"command":1', '"command":9'))
    assert isinstance(verified_folder(tmp_path, KEY), Broken)
    with pytest.raises(VoiceApiError, match="line 1 is broken"):
        Journal(tmp_path, KEY)


def test_two_processes_do_not_write_one_journal(tmp_path: Path) -> None:
    journal = Journal(tmp_path, KEY)
    with pytest.raises(VoiceApiError, match="another process"):
        Journal(tmp_path, KEY)
    journal.close()
    Journal(tmp_path, KEY).close()


def fill(file: Path) -> None:
    """Until nothing more goes onto its disk."""
    with suppress(OSError), file.open("wb", buffering=0) as opened:
        while True:
            opened.write(b"x" * 512)


def fill_up(journal: Journal) -> None:
    """The room that the last block of the journal still has."""
    for number in range(100):
        recorded(journal, {"command": number, "heard": "x" * 400}, dict)


@pytest.mark.needs("tmpfs")
def test_where_the_disk_is_full_nothing_is_done_and_later_all_goes_on(disk_of: Callable[[str], Path]) -> None:
    folder = disk_of("64k")
    journal = Journal(folder, KEY)
    done: list[int] = []

    def act() -> dict[str, Any]:
        done.append(1)
        return {"outcome": "done"}

    recorded(journal, {"command": 1}, act)
    fill(folder / "filler")
    with pytest.raises(VoiceApiError, match="cannot be kept") as caught:
        fill_up(journal)
    assert caught.value.status == 503
    with pytest.raises(VoiceApiError):
        recorded(journal, {"command": 2, "heard": "y" * 4_000}, act)
    assert done == [1]
    (folder / "filler").unlink()
    recorded(journal, {"command": 3}, act)
    assert verified_folder(folder, KEY) == journal.head


def test_what_fails_is_recorded_as_failed(tmp_path: Path) -> None:
    def fails() -> dict[str, Any]:
        raise VoiceApiError("cluster_unreachable", "Nobody answers.", "Start it.")

    with pytest.raises(VoiceApiError, match="Nobody answers"):
        recorded(Journal(tmp_path, KEY), {"command": 1}, fails)
    stages = [(each["stage"], each.get("failed")) for each in records(tmp_path)]
    assert stages == [("before", None), ("after", "cluster_unreachable")]


def works_until_killed(folder: Path, acts: Path, first: int, steps: int) -> None:
    """Record and act, on and on, as a child process that never returns; opened and acted are its `steps`."""
    journal = Journal(folder, KEY, file_bytes=4_000)
    acted = os.open(acts, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(steps, b"o")
    for number in range(first, first + 1_000_000):
        recorded(journal, {"command": number}, lambda: {"bytes": os.write(acted, f"{number}\n".encode())})  # noqa: B023
        os.write(steps, b"a")


def test_whenever_it_is_killed_there_is_no_act_without_a_record(tmp_path: Path) -> None:
    folder, acts = tmp_path / "journal", tmp_path / "acts"
    moments = random.Random(9)
    for number in range(ROUNDS):
        seen, steps = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                works_until_killed(folder, acts, number * 1_000_000, steps)
            finally:
                os._exit(1)
        os.close(steps)
        for _ in range(
            number % 3
        ):  # killed from the start, since its journal was opened, since its first act
            assert os.read(seen, 1), "it ended by itself"
        time.sleep(moments.uniform(0.0, 0.02))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(seen)
    Journal(folder, KEY).close()
    assert isinstance(verified_folder(folder, KEY), Head)
    intended = {each["command"] for each in records(folder) if each["stage"] == "before"}
    acted = [int(line) for line in acts.read_text().splitlines()]
    assert len(acted) > ROUNDS / 10
    assert set(acted) <= intended
    assert len(set(acted)) == len(acted)
