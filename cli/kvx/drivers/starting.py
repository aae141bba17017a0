"""Starts a supervisor and waits until the service it was asked for is ready."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from kvx.drivers.refusals import refusal
from kvx.drivers.voice_api import address_of, why_not_ready
from kvx.drivers.waiting import wait_until
from kvx.errors import KvxError
from kvx.steps.service import StartService
from kvx.supervisor import claim, records
from kvx.supervisor.records import State
from kvx.world import World

# From its start, a supervisor takes a tenth of a second until it can be seen.
_APPEAR_SECONDS = 10.0
_AGAIN_SECONDS = 2.0
_LONGER_THAN_SUPERVISOR_SECONDS = 2.0
_ANSWER_SECONDS = 2.0


def start_detached(folder: Path) -> None:
    """A supervisor in a session of its own, which neither Ctrl-C nor the end of kvx reaches."""
    with (folder / "supervisor.log").open("ab") as log:
        subprocess.Popen(
            supervisor_command(folder),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            start_new_session=True,
        )


def supervisor_command(folder: Path) -> list[str]:
    return [sys.executable, "-m", "kvx.supervisor", str(folder.resolve())]


def wait_until_ready(step: StartService, request: str, wake: Callable[[], None], world: World) -> None:
    """Raises the KvxError of what kept it from being ready; what served before goes on.

    `wake` brings a supervisor about; it is called again when the one that was there is gone.
    """
    waiting = _Waiting(step, request, wake, world)
    seconds = step.deadline_seconds + _LONGER_THAN_SUPERVISOR_SECONDS
    if not wait_until(waiting.is_over, seconds, world):
        raise KvxError(
            f"the voice API was not ready after {step.deadline_seconds:g} s{waiting.reason}",
            f"less {records.log_file(step.folder)}",
        )


class _Waiting:
    """Looks again and again; remembers what was said, to say it once."""

    def __init__(self, step: StartService, request: str, wake: Callable[[], None], world: World) -> None:
        self._step = step
        self._request = request
        self._wake = wake
        self._world = world
        self._wake_at = world.monotonic() + _AGAIN_SECONDS
        self._seen_until = world.monotonic() + _APPEAR_SECONDS
        self.reason = ""

    def is_over(self) -> bool:
        state = records.read_state(self._step.folder)
        if state is None or self._not_mine(state):
            self._check_lives()
            return False
        if state.failed and state.failed.request == self._request:
            raise refusal(state, state.failed, self._step.folder)
        if state.serving is None or state.serving.request != self._request:
            self._check_lives()
            return False
        reason = why_not_ready(address_of(state), _ANSWER_SECONDS)
        self.reason = f": {reason}" if reason else ""
        return reason is None

    def _not_mine(self, state: State) -> bool:
        return all(part is None or part.request != self._request
                   for part in (state.serving, state.starting, state.failed))  # fmt: skip

    def _check_lives(self) -> None:
        """A supervisor that is gone, or never came, is not waited for."""
        now = self._world.monotonic()
        if claim.owner(records.pid_file(self._step.folder)):
            self._seen_until = now + _APPEAR_SECONDS
        elif now > self._seen_until:
            log = self._step.folder / "supervisor.log"
            raise KvxError("the supervisor of the voice API does not start", f"less {log}")
        elif now > self._wake_at:  # it was ending when it was told
            self._wake()
            self._wake_at = now + _AGAIN_SECONDS
