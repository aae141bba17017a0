"""Runs a playbook as kvx does, in a process that a test can kill: play_it.py PLAYBOOK FOLDER < VARIABLES."""

import json
import sys
from pathlib import Path

from kvx.drivers.ansible import Play, play
from kvx.errors import KvxError
from kvx.world import real_world


def run(playbook: str, folder: str) -> int:
    world = real_world(lambda words: print(words, flush=True))
    try:
        play(Play(Path(playbook), Path(folder), json.load(sys.stdin)), world)
    except KvxError as error:
        print(f"{error.message}\nfix: {error.fix}", flush=True)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(run(*sys.argv[1:]))
