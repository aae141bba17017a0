"""Runs one playbook as kvx does, in a process that a test can kill: play_it.py PLAYBOOK FOLDER [SECONDS]."""

import sys
from pathlib import Path

from kvx.drivers.ansible import Play, play
from kvx.errors import KvxError
from kvx.secret import Secret
from kvx.stop import stoppable
from kvx.world import real_world

# In no command line, and in no variable of this process.
CANARY = "canary" + "7secret"


def run(playbook: str, folder: str, seconds: str = "600") -> int:
    with stoppable() as stop:
        world = real_world(lambda words: print(words, flush=True), lambda: stop.requested)
        secrets = {"KVX_CANARY": Secret(CANARY)}
        wanted = Play(Path(playbook), Path(folder), secrets=secrets, deadline_seconds=float(seconds))
        try:
            played = play(wanted, world)
        except KvxError as error:
            print(f"{error.message}\nfix: {error.fix}", flush=True)
            return error.exit_code
        print(f"changed: {played.changed}", flush=True)
        return 0


if __name__ == "__main__":
    sys.exit(run(*sys.argv[1:]))
