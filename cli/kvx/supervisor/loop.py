"""The one loop of the supervisor: wishes, signals and what children say come in, state goes out."""

import contextlib
import os
import selectors
import signal
import socket
import time
from pathlib import Path

from kvx.supervisor import records
from kvx.supervisor.claim import Claim
from kvx.supervisor.identity import Process
from kvx.supervisor.log import RotatingLog
from kvx.supervisor.records import ServicePhase, State, Wanted
from kvx.supervisor.service import Service

_LOOK_SECONDS = 1.0
_MOVING_SECONDS = 0.05


class Supervisor:
    """Runs one service until told to stop, until its folder is gone, or until nothing is left to try."""

    def __init__(self, folder: Path, myself: Process, claim: Claim) -> None:
        self._folder = folder
        self._myself = myself
        self._claim = claim
        self._since = time.time()
        self._last = records.read_state(folder)
        self._service = Service(RotatingLog(records.log_file(folder), 1_000_000, 3), self._last)
        self._wanted: Wanted | None = None
        self._said: State | None = None
        self._stopping = False
        self._wakeup, writer = socket.socketpair()
        for end in (self._wakeup, writer):
            end.setblocking(False)
        self._writer = writer

    def run(self) -> int:
        """0 when told to stop, 1 when given up."""
        self._hear_signals()
        while not self._ended:
            self._wait()
            self._look()
            self._service.turn()
            self._say()
        return 0 if self._stopping else 1

    @property
    def _ended(self) -> bool:
        return self._said is not None and self._service.ended

    def _hear_signals(self) -> None:
        signal.set_wakeup_fd(self._writer.fileno())
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGHUP, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop())

    def _stop(self) -> None:
        self._stopping = True

    def _wait(self) -> None:
        """Until something happens: at most a second, and shorter while a child starts or finishes."""
        if self._said is None:
            return
        service = self._service
        moving = service.starting or service.leaving or service.revived
        with selectors.DefaultSelector() as selector:
            for handle in (self._wakeup.fileno(), *(h for child in service.children for h in child.readable)):
                selector.register(handle, selectors.EVENT_READ)
            selector.select(_MOVING_SECONDS if moving else _LOOK_SECONDS)
        with contextlib.suppress(BlockingIOError):
            os.read(self._wakeup.fileno(), 4096)

    def _look(self) -> None:
        """Follow the wish in the folder; without a folder nobody could find this supervisor again."""
        if self._stopping or not self._claim.holds:
            self._stopping = True
            self._service.stop()
            return
        wanted = records.read_wanted(self._folder)
        if wanted and (self._wanted is None or wanted.request != self._wanted.request):
            self._wanted = wanted
            self._service.want(wanted)

    @property
    def _phase(self) -> ServicePhase:
        service = self._service
        if self._stopping:
            return "stopping" if service.children else "stopped"
        if service.serving:
            return "ready"
        if service.revived:
            return "backing-off"
        return "starting" if service.starting else "failed"

    @property
    def _state(self) -> State:
        service, wanted = self._service, self._wanted
        port, metrics_port = service.ports
        return State(
            phase=self._phase,
            supervisor=self._myself,
            since=self._since,
            host=wanted.host if wanted else "",
            port=port,
            metrics_host=wanted.metrics_host if wanted else "",
            metrics_port=metrics_port,
            serving=service.serving.record if service.serving else None,
            starting=service.starting.record if service.starting else None,
            failed=service.failed,
            restarts=service.restarts,
            proven=service.proven,
        )

    def _say(self) -> None:
        """A state that cannot be written (full disk, folder gone) is said at the next turn."""
        state = self._state
        if state == self._said:
            return
        with contextlib.suppress(OSError):
            records.write_record(records.state_file(self._folder), state)
            self._said = state
        if self._stopping:
            self._said = state
