"""The provision phase alone, as a program of its own, so that it can be killed: deploy or cleanup.

Started as `python deploy_or_clean_up.py deploy|cleanup FOLDER WORKERS`; the token and the endpoint come from
HCLOUD_TOKEN and HCLOUD_ENDPOINT. Every step goes through kvx's own loop, with its journal and its lock.
"""

import os
import sys
from pathlib import Path

from kvx import drivers
from kvx.deployment import Deployment
from kvx.errors import KvxError
from kvx.execute import Call, execute, undo
from kvx.phases.provision import provision
from kvx.plan import Plan
from kvx.report import Failed, Finished, Note, Progressed, Started
from kvx.secret import Secret
from kvx.settings import HetznerSettings, Settings
from kvx.world import real_world


def say(event: object) -> None:
    match event:
        case Started():
            print("started:", event.step.words, flush=True)
        case Progressed() | Note():
            print("  ", event.words, flush=True)
        case Finished():
            print("finished:", event.step.words, f"{event.seconds:.2f} s", *event.lines, flush=True)
        case Failed():
            print("failed:", event.step.words, flush=True)


def run(verb: str, folder: Path, workers: int) -> int:
    wanted = HetznerSettings(
        token=Secret(os.environ["HCLOUD_TOKEN"]),
        endpoint=os.environ["HCLOUD_ENDPOINT"],
        workers=workers,
        allowed_addresses=("203.0.113.7/32",),
    )
    deployment = Deployment("hetzner", Settings(folder=folder, target="hetzner", hetzner=wanted))
    plan = Plan("hetzner", (provision(deployment),))
    action = execute if verb == "deploy" else undo
    try:
        action(plan, deployment, drivers, say, real_world(), call=Call(f"kvx {verb}"))
    except KvxError as error:
        print(f"error: {error.message}\nfix: {error.fix}", flush=True)
        return int(error.exit_code)
    return 0


if __name__ == "__main__":
    sys.exit(run(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
