"""Starts ansible-playbook for kvx and ends all that it leaves, also when kvx is killed.

Started as `python -I -S ansible_tether.py LIFELINE LOCK SOCKETS PROGRAM [ARGUMENT...]`. LIFELINE is a
named pipe: its first line is a JSON object of environment variables, which lie in no file and no command
line; anything more is the wish to stop, and its end means that kvx died. What Ansible starts leaves its
process group, so whatever loses its parent is handed to this process, which ends it, the connections of
ssh among it, and removes their SOCKETS.
"""

import contextlib
import ctypes
import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_ASKING_SECONDS, _HURRY_SECONDS, _SLICE_SECONDS = 8.0, 2.0, 0.1
_FIRST_LINE_SECONDS = 10.0
_KILLING_ROUNDS = 80
NOT_ALONE, NOT_STARTED = 75, 127


def run(lifeline: str, lock: str, sockets: str, argv: list[str]) -> int:
    held = os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return NOT_ALONE
    _adopt_orphans()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    wishes = os.open(lifeline, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    line, wanted = _first_line(wishes)
    if not wanted:
        return NOT_STARTED
    try:
        return _watch(_started(argv, json.loads(line)), wishes)
    finally:
        _end_all()
        shutil.rmtree(sockets, ignore_errors=True)


def _first_line(wishes: int) -> tuple[bytes, bool]:
    """The line, and whether kvx still wants what comes after it."""
    line, end = b"", time.monotonic() + _FIRST_LINE_SECONDS
    while time.monotonic() < end and not line.endswith(b"\n"):
        select.select([wishes], [], [], _SLICE_SECONDS)
        with contextlib.suppress(BlockingIOError):
            more = os.read(wishes, 1)
            if not more:
                return b"", False
            line += more
    return line, line.endswith(b"\n")


def _started(argv: list[str], secrets: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        argv,
        env={**os.environ, **secrets},
        stdin=subprocess.DEVNULL,
        preexec_fn=_die_with_parent,  # noqa: PLW1509  there is one thread here
    )


def _watch(child: "subprocess.Popen[bytes]", wishes: int) -> int:
    """Wait until it has ended; asked to stop it is interrupted first, and then ended."""
    asked: list[float] = []

    def ask(*_: object) -> None:
        if not asked:
            asked.append(time.monotonic())
            child.send_signal(signal.SIGINT)

    signal.signal(signal.SIGTERM, lambda *_: asked.insert(0, 0))
    while child.poll() is None:
        if not asked and select.select([wishes], [], [], _SLICE_SECONDS)[0]:
            ask()
        elif asked:
            time.sleep(_SLICE_SECONDS)
        if asked and time.monotonic() > asked[0] + _ASKING_SECONDS:
            child.kill()
        _bury(child.pid)
    return child.returncode if child.returncode >= 0 else 128 - child.returncode


def _bury(child: int) -> None:
    """Take leave of adopted processes that have ended; the child is left to its own watch."""
    for pid in _children():
        if pid != child:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)


def _end_all() -> None:
    """Ask all that is left to end, then end it; whatever it had started becomes ours, and ends as well."""
    asked_until = time.monotonic() + _HURRY_SECONDS
    while (left := _children()) and time.monotonic() < asked_until:
        _end(left, signal.SIGTERM)
    for _ in range(_KILLING_ROUNDS):  # by a clock, a busy machine would let some of them live
        if not (left := _children()):
            return
        _end(left, signal.SIGKILL)


def _end(processes: list[int], number: int) -> None:
    for pid in processes:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
    time.sleep(_SLICE_SECONDS / 4)


def _children() -> list[int]:
    """Processes whose parent this one is, dead ones that nobody took leave of among them."""
    with (
        contextlib.suppress(FileNotFoundError),
        Path(f"/proc/self/task/{os.getpid()}/children").open() as file,
    ):
        return [int(pid) for pid in file.read().split()]
    return [pid for pid in _processes() if _parent(pid) == os.getpid()]  # a kernel that does not list them


def _processes() -> list[int]:
    proc = Path("/proc")
    return [int(each.name) for each in proc.iterdir() if each.name.isdecimal()] if proc.is_dir() else []


def _parent(pid: int) -> int:
    with contextlib.suppress(OSError), Path(f"/proc/{pid}/stat").open(errors="replace") as file:
        return int(file.read().rpartition(")")[2].split()[1])
    return 0


def _adopt_orphans() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGINT, 0, 0, 0)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]))
