"""Becomes terraform once it is told to, tied to kvx: when kvx dies, terraform is asked to end in good order.

Started as `python -I -S terraform_tether.py PROGRAM [ARGUMENT...]`; one line on stdin lets it go on, the end
of stdin means that kvx died before it could note which process this is.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
_NOT_STARTED = 127


def run(argv: list[str]) -> None:
    if sys.platform == "linux":
        # SIGINT, for terraform then finishes what it has begun and writes its state.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGINT, 0, 0, 0)
    if os.read(0, 1) != b"\n":
        sys.exit(_NOT_STARTED)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.execvp(argv[0], argv)  # noqa: S606  it becomes terraform, so that one process is watched


if __name__ == "__main__":
    run(sys.argv[1:])
