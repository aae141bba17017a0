"""Starts the supervisor of a folder: python -m kvx.supervisor FOLDER."""

import os
import signal
import sys
from pathlib import Path

from kvx.supervisor import records
from kvx.supervisor.claim import claim
from kvx.supervisor.identity import process
from kvx.supervisor.loop import Supervisor


def run(folder: Path) -> int:
    """0 when told to stop or when another supervisor is at work, 1 when given up."""
    signal.signal(signal.SIGHUP, lambda *_: None)  # it may come as soon as the claim is seen
    held = claim(records.pid_file(folder))
    myself = process(os.getpid())
    if held is None or myself is None:
        return 0
    os.chdir("/")
    code = Supervisor(folder, myself, held).run()
    held.give_back()
    return code


if __name__ == "__main__":
    try:
        sys.exit(run(Path(sys.argv[1]).resolve()))
    except OSError as error:
        sys.exit(f"the supervisor cannot go on: {error}")
