"""Runs that are killed at random moments, kvx, terraform or both: the next run ends well, each time."""

import json
import os
import random
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.needs("terraform", "hcloud-provider"), pytest.mark.timeout(300)]

# PROVISION_ROUNDS=20 is the whole matrix.
ROUNDS = int(os.environ.get("PROVISION_ROUNDS", "4"))
SEED = int(os.environ.get("PROVISION_SEED", "5"))
LONGEST_SECONDS = 45.0


@pytest.mark.parametrize("number", range(ROUNDS))
def test_a_run_that_is_killed_is_finished_by_the_next(program: Any, number: int) -> None:
    chance = random.Random(SEED * 1000 + number)
    kill_once(program, "deploy", chance)
    ends_well(program, "deploy")
    program.is_whole()
    kill_once(program, "cleanup", chance)
    ends_well(program, "cleanup")
    assert program.simulation.resources() == []


@pytest.mark.parametrize("number", range(ROUNDS))
def test_a_run_that_is_killed_again_and_again_is_finished_at_last(program: Any, number: int) -> None:
    chance = random.Random(SEED * 2000 + number)
    for _ in range(3):
        kill_once(program, "deploy", chance)
    ends_well(program, "deploy")
    program.is_whole()


def kill_once(program: Any, verb: str, chance: random.Random) -> None:
    """Wait until terraform writes, then some moments more; who dies is left to chance, too."""
    who = chance.choice(("kvx", "terraform", "both"))
    moment = chance.choice(("early", "writing", "writing", "writing"))
    later = chance.uniform(0, 1.2)
    with program.start(verb) as kvx:
        wait_for_moment(program, kvx, moment)
        time.sleep(later)
        if who in ("kvx", "both"):
            kvx.kill()
        if who in ("terraform", "both"):
            kill_terraform(program.hetzner)
        said, _ = kvx.communicate(timeout=120)
    print(f"killed {who} {later:.2f} s after {moment}:\n{said}")
    assert "Traceback" not in said


def wait_for_moment(program: Any, kvx: Any, moment: str) -> None:
    end = time.monotonic() + LONGEST_SECONDS
    while time.monotonic() < end and kvx.poll() is None:
        if moment == "early" or is_writing(program.hetzner):
            return
        time.sleep(0.005)


def is_writing(folder: Path) -> bool:
    try:
        return bool(json.loads((folder / "state-guard.json").read_text())["writing"])
    except (OSError, ValueError):
        return False


def kill_terraform(folder: Path) -> None:
    with suppress(OSError, ValueError):
        pid = json.loads((folder / "terraform.pid.json").read_text())["pid"]
        os.kill(pid, signal.SIGKILL)


def ends_well(program: Any, verb: str) -> None:
    code, said = program.run(verb)
    print(said)
    assert code == 0, said
