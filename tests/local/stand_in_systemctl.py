"""StandInSystemctl: the five words of `systemctl --user` that kvx says, for one unit; notes each call."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

SECONDS = 60.0
place = Path(os.environ["STAND_IN_SYSTEMD"])


def start(unit: str) -> int:
    text = (place / unit).read_text()
    command = next(line.partition("=")[2] for line in text.splitlines() if line.startswith("ExecStart="))
    running = subprocess.Popen(shlex.split(command), start_new_session=True, cwd="/")
    (place / "main.pid").write_text(str(running.pid))
    return 0


def stop() -> int:
    """As systemd does it: it waits until all of the unit has ended."""
    main = psutil.Process(int((place / "main.pid").read_text()))
    running = [main, *main.children(recursive=True)]
    main.send_signal(signal.SIGTERM)
    until = time.monotonic() + SECONDS
    while any(map(lives, running)):
        if time.monotonic() > until:
            return 1
        time.sleep(0.02)
    return 0


def lives(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def run(arguments: list[str]) -> int:
    with (place / "calls").open("a") as calls:
        calls.write(json.dumps(arguments) + "\n")
    match arguments:
        case ["--user", "show-environment" | "daemon-reload"]:
            return 0
        case ["--user", "enable", path]:
            (place / Path(path).name).symlink_to(path)
            return 0
        case ["--user", "restart", unit]:
            return start(unit)
        case ["--user", "disable", "--now", unit]:
            (place / unit).unlink()
            return stop()
    return 1


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
