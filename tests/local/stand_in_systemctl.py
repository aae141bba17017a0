"""StandInSystemctl: the five words of `systemctl --user` that kvx says, for one unit; notes each call."""

import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

place = Path(os.environ["STAND_IN_SYSTEMD"])


def start(unit: str) -> int:
    text = (place / unit).read_text()
    command = next(line.partition("=")[2] for line in text.splitlines() if line.startswith("ExecStart="))
    running = subprocess.Popen(shlex.split(command), start_new_session=True, cwd="/")
    (place / "main.pid").write_text(str(running.pid))
    return 0


def stop() -> int:
    os.kill(int((place / "main.pid").read_text()), signal.SIGTERM)
    return 0


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
