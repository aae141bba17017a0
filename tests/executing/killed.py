"""A program that changes a cluster again and again, and is killed: between record and act, or anywhere.

killed.py KUBECONFIG NAMESPACE FOLDER ROUNDS
"""

import os
import random
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from operated import PATIENT, call, session

from voice_api.cluster.access import Access, UserAccess
from voice_api.cluster.identity import Identity
from voice_api.cluster.kubernetes import cluster_from_kubeconfig
from voice_api.cluster.requests import Answered, Sent
from voice_api.cluster.reviews import Attempt
from voice_api.commands.policy import User

POINTS = ("before the act", "after the act", "anywhere")
LONGEST_SECONDS = 0.4


class Deadly:
    """A connection on which the process dies at the act."""

    def __init__(self, connection: Any, point: str) -> None:
        self._connection, self._point = connection, point

    def send(self, request: Sent) -> Answered:
        acts = request.method == "PATCH" and "dryRun" not in request.path
        if acts and self._point == "before the act":
            os.kill(os.getpid(), signal.SIGKILL)
        answer: Answered = self._connection.send(request)
        if acts and self._point == "after the act" and answer.status == 200:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer


@dataclass(frozen=True, slots=True)
class DeadlyWay:
    """A user's way into the cluster, over such a connection."""

    connection: Any
    as_user: bool = True

    def may(self, _: Attempt) -> bool:
        return True


class DeadlyAccess(Access):
    """For one point at which to die."""

    def __init__(self, access: Access, point: str) -> None:
        super().__init__(access.service)
        self._point = point

    def of(self, identity: Identity) -> UserAccess:
        return DeadlyWay(Deadly(super().of(identity).connection, self._point))


def changes(kubeconfig: Path, space: str, folder: Path, point: str) -> None:
    """Scale up and down until killed."""
    access = DeadlyAccess(Access(cluster_from_kubeconfig([kubeconfig], patience=PATIENT).connection), point)
    with session(access, folder, User("ann", groups=("shop",)), 0) as ann:
        while True:
            now = ann.executor.met(ann.user, call("restart", name="web", namespace=space)).replicas
            wish = call("scale", name="web", namespace=space, replicas=2 if now == 1 else 1)
            ann.executor.carry_out(ann.user, wish, ann.ordered(wish, ann.executor.met(ann.user, wish)))


def main(kubeconfig: Path, space: str, folder: Path, rounds: int) -> None:
    chance = random.Random(0)
    for number in range(rounds):
        point = POINTS[number % len(POINTS)]
        child = os.fork()
        if child == 0:
            try:
                changes(kubeconfig, space, folder, point)
            finally:
                os._exit(1)  # it only ends by being killed
        if point == "anywhere":
            time.sleep(chance.uniform(0.02, LONGEST_SECONDS))
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status), f"round {number}, {point}: it was not killed"


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))
