"""What is verified in a cluster, and how one line of it is told."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kvx.cluster.rollout import State
from kvx.cluster.serving import Server
from kvx.cluster.trouble import Object
from kvx.cluster.verification import Finding, not_shown
from kvx.drivers.api_server import Api
from kvx.errors import ExitCode, KvxError
from kvx.world import World


@dataclass(frozen=True, slots=True)
class Subject:
    """What is verified: a release as it runs now."""

    api: Api
    world: World
    objects: tuple[Object, ...]
    server: Server
    template: Object
    pods: tuple[Object, ...]
    nodes: Sequence[Object] | None
    state: State


def shown(name: str, find: Callable[[], Finding]) -> Finding:
    """What cannot be asked, for want of a right for one, is not shown: it may be in order."""
    try:
        return find()
    except KvxError as error:
        if error.exit_code is ExitCode.INTERRUPTED:
            raise
        return not_shown(name, error.message, error.fix)
