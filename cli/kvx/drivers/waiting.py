"""Waits with a deadline that can be asked to stop."""

from collections.abc import Callable

from kvx.errors import ExitCode, KvxError
from kvx.world import World

SLICE_SECONDS = 0.05


def wait_until(condition: Callable[[], bool], deadline_seconds: float, world: World) -> bool:
    """Whether `condition` came true in time; raises KvxError (exit code 130) when asked to stop."""
    end = world.monotonic() + deadline_seconds
    while not condition():
        if world.stop_requested():
            raise KvxError("stopped on request", "kvx deploy goes on from here", ExitCode.INTERRUPTED)
        if world.monotonic() >= end:
            return False
        world.sleep(SLICE_SECONDS)
    return True
