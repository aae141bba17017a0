"""Becomes the given program, tied to its parent: when the supervisor dies, the kernel ends the program.

Started as `python -I -S tether.py PARENT_PID PROGRAM [ARGUMENT...]`; Linux only.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
_NOT_STARTED = 3


def run(parent_pid: int, argv: list[str]) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent_pid:
        return  # the parent died before it could be watched
    try:
        os.execvp(argv[0], argv)  # noqa: S606  the one place where a program is become, not started
    except OSError as error:
        sys.stderr.write(f"cannot start {argv[0]}: {error.strerror}\nfix: install it again\n")
        sys.exit(_NOT_STARTED)


if __name__ == "__main__":
    run(int(sys.argv[1]), sys.argv[2:])
