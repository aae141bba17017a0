"""Starts the simulated Hetzner: python -m kvx_rehearsal --state FILE."""

import argparse
import sqlite3
import sys
import time
from pathlib import Path

from kvx_rehearsal.answering import Answering
from kvx_rehearsal.catalogue import snapshot
from kvx_rehearsal.keeper import Keeper, KeeperError
from kvx_rehearsal.scenario import ScenarioError
from kvx_rehearsal.serve import serve
from kvx_rehearsal.store import Store


def main() -> int:
    """0 when told to stop, 2 for a scenario that cannot be read, 1 for what the machine refuses."""
    wish = _wish()
    try:
        store = Store(wish.state)
        answering = Answering(store, snapshot(), wish.speed, time.time)
        if wish.scenario is not None:
            answering.use(wish.scenario.read_text())
        keeper = None if wish.machines is None else Keeper(wish.machines, wish.state.resolve().parent)
        serve(answering, wish.port, keeper)
        store.close()
    except KeeperError as error:
        return _complain(str(error), 1)
    except ScenarioError as error:
        return _complain(f"the scenario {wish.scenario}: {error}", 2)
    except sqlite3.Error as error:
        return _complain(f"{wish.state}: {error} (does another simulation use it?)", 1)
    except OSError as error:
        return _complain(str(error), 1)
    return 0


def _wish() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="kvx_rehearsal", description="A Hetzner Cloud that runs on this machine"
    )
    parser.add_argument("--state", type=Path, required=True, help="SQLite file, made if there is none")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--scenario", type=Path, help="JSON or TOML: what goes wrong")
    parser.add_argument("--speed", type=_speed, default=1.0, help="how many times faster actions end")
    parser.add_argument(
        "--machines",
        type=Path,
        metavar="PROGRAM",
        help="puts machines behind the servers (kvx_rehearsal.keeper)",
    )
    return parser.parse_args()


def _speed(text: str) -> float:
    speed = float(text)
    if speed <= 0:
        raise argparse.ArgumentTypeError("must be greater than 0")
    return speed


def _complain(message: str, code: int) -> int:
    sys.stderr.write(f"kvx_rehearsal: {message}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
