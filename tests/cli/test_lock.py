"""The lock: one owner at a time, named; taken over only from the dead and the expired."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import pytest

from kvx.errors import ExitCode
from kvx.lock import LockHeldError, Owner, _alone, acquire, holder

HOLDER = """
import sys, time
from pathlib import Path
from kvx.errors import KvxError
from kvx.lock import acquire
path = Path(sys.argv[1])
sys.stdin.readline()
try:
    lock = acquire(path, "kvx deploy")
except KvxError:
    print("refused", flush=True)
else:
    print("acquired", flush=True)
    sys.stdin.readline()
    lock.release()
"""


def started(path: Path) -> subprocess.Popen[str]:
    """A process that takes the lock at the first line it is given, and releases it at the second."""
    return subprocess.Popen(
        [sys.executable, "-c", HOLDER, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def tell(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def foreign(path: Path, **changes: object) -> Owner:
    """A lock of somebody else, as a file."""
    now = time.time()
    owner = Owner("ada", "elsewhere", os.getpid(), now, "kvx deploy", now, now + 60, "token")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(owner) | changes))
    return owner


# It dawdles, a little differently each time, after it has seen that the lock has expired.
CONTENDER = """
import random, sys, time
from pathlib import Path
from kvx.errors import KvxError
from kvx.lock import acquire
folder, rounds = Path(sys.argv[1]), int(sys.argv[2])
print("ready", flush=True)
for number in range(rounds):
    sys.stdin.readline()
    try:
        dawdle = lambda _words: time.sleep(random.uniform(0, 0.02))
        acquire(folder / str(number) / "lock.json", "kvx deploy", note=dawdle)
    except KvxError:
        print("refused", flush=True)
    else:
        print("acquired", flush=True)
"""


@pytest.mark.parametrize("left_behind", [False, True], ids=["free", "expired"])
def test_of_two_processes_exactly_one_wins_every_time(tmp_path: Path, left_behind: bool) -> None:
    rounds = 50
    if left_behind:
        for number in range(rounds):
            foreign(tmp_path / str(number) / "lock.json", expires=time.time() - 1)
    both = [
        subprocess.Popen(
            [sys.executable, "-c", CONTENDER, tmp_path, str(rounds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    assert [said(process) for process in both] == ["ready", "ready"]
    with ThreadPoolExecutor(2) as pool:
        for _ in range(rounds):
            list(pool.map(tell, both))
            assert sorted(pool.map(said, both)) == ["acquired", "refused"]
    for process in both:
        process.communicate(timeout=100)


def test_a_killed_owner_is_taken_over_from_with_a_word(tmp_path: Path) -> None:
    path = tmp_path / "lock.json"
    process = started(path)
    tell(process)
    assert said(process) == "acquired"
    with pytest.raises(LockHeldError):
        acquire(path, "kvx deploy")
    process.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # it stays a zombie: nobody waited for it yet
    notes: list[str] = []
    lock = acquire(path, "kvx deploy", note=notes.append)
    assert len(notes) == 1
    assert f"process {process.pid}" in notes[0]
    assert notes[0].endswith("that process has ended")
    lock.release()
    assert list(tmp_path.iterdir()) == []
    process.communicate(timeout=100)


def test_a_number_used_again_by_another_process_is_no_owner(tmp_path: Path) -> None:
    path = tmp_path / "lock.json"
    foreign(path, host=socket.gethostname(), started=1.0)
    acquire(path, "kvx deploy").release()


def test_an_expired_lock_is_taken_over_from_any_host(tmp_path: Path) -> None:
    path, notes = tmp_path / "lock.json", list[str]()
    foreign(path, expires=time.time() - 1)
    acquire(path, "kvx deploy", note=notes.append).release()
    assert notes[0].endswith("it expired")


def test_another_host_is_believed_until_its_lock_expires(tmp_path: Path) -> None:
    path = tmp_path / "lock.json"
    foreign(path)
    with pytest.raises(LockHeldError) as raised:
        acquire(path, "kvx deploy")
    assert raised.value.exit_code is ExitCode.MISSING
    assert f"ada@elsewhere, process {os.getpid()}, `kvx deploy` since " in raised.value.message
    assert "end it on elsewhere" in raised.value.fix


def test_a_living_owner_here_is_named_with_the_way_to_end_it(tmp_path: Path) -> None:
    lock = acquire(tmp_path / "lock.json", "kvx deploy")
    with pytest.raises(LockHeldError, match=f"process {os.getpid()}") as raised:
        acquire(tmp_path / "lock.json", "kvx cleanup")
    lock.release()
    assert f"kill {os.getpid()}" in raised.value.fix


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"pid": 1}'])
def test_a_damaged_lock_is_taken_away(tmp_path: Path, content: str) -> None:
    path, notes = tmp_path / "lock.json", list[str]()
    path.write_text(content)
    acquire(path, "kvx deploy", note=notes.append).release()
    assert notes == [f"the damaged lock {path} was taken away"]


def test_an_owner_with_values_of_other_types_is_damaged(tmp_path: Path) -> None:
    foreign(tmp_path / "lock.json", expires="soon")
    assert holder(tmp_path / "lock.json") is None


def test_it_renews_itself_while_it_is_held(tmp_path: Path) -> None:
    path = tmp_path / "lock.json"
    lock = acquire(path, "kvx deploy", time_to_live_seconds=0.4)
    first = later = holder(path)
    end = time.monotonic() + 60
    while first is None or later is None or later.expires <= first.expires + 0.3:
        assert time.monotonic() < end
        time.sleep(0.02)
        later = holder(path)
    lock.release()
    assert not lock.lost


def test_a_lock_that_somebody_took_over_is_lost_and_left_to_them(tmp_path: Path) -> None:
    path = tmp_path / "lock.json"
    lock = acquire(path, "kvx deploy", time_to_live_seconds=0.2)
    with _alone(tmp_path):  # else a renewal that has begun writes over it
        foreign(path)
    end = time.monotonic() + 60
    while not lock.lost and time.monotonic() < end:
        time.sleep(0.02)
    assert lock.lost
    lock.release()
    owner = holder(path)
    assert owner is not None
    assert owner.user == "ada"


def test_releasing_after_the_folder_is_gone_brings_nothing_back(tmp_path: Path) -> None:
    path = tmp_path / "gone" / "lock.json"
    lock = acquire(path, "kvx cleanup", time_to_live_seconds=0.1)
    with _alone(path.parent):  # else a renewal leaves its draft in it
        path.unlink()
        path.parent.rmdir()
    time.sleep(0.2)
    lock.release()
    assert list(tmp_path.iterdir()) == []


def test_a_draft_left_by_a_killed_process_is_swept_away(tmp_path: Path) -> None:
    (tmp_path / ".lock.json.0123").write_text("half")
    acquire(tmp_path / "lock.json", "kvx deploy").release()
    assert list(tmp_path.iterdir()) == []
