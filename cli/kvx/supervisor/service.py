"""The service as the supervisor runs it: one child serves, one may be starting, others are finishing."""

import json
import time

from kvx.supervisor.child import RunningChild
from kvx.supervisor.listeners import ListenError, Listeners, open_listeners
from kvx.supervisor.log import RotatingLog
from kvx.supervisor.records import Failure, FailureKind, State, Wanted
from kvx.supervisor.restarts import after_death


class Service:
    """Moves from event to event; `turn` is called whenever something may have happened.

    serving   answers requests
    starting  becomes the serving one as soon as it says that it is ready
    leaving   were asked to finish, and are ended when they do not in time
    revived   what is started again after a pause, because it was ready once and died
    """

    def __init__(self, log: RotatingLog, last: State | None) -> None:
        self._log = log
        self._remembered = (last.port, last.metrics_port) if last else (None, None)
        self.listeners: Listeners | None = None
        self.serving: RunningChild | None = None
        self.starting: RunningChild | None = None
        self.leaving: list[RunningChild] = []
        self.revived: Wanted | None = None
        self.failed: Failure | None = None
        self.restarts = 0
        self.proven = last.proven if last else None
        self._revive_at = 0.0
        self._quick_deaths = 0

    @property
    def children(self) -> list[RunningChild]:
        return [child for child in (self.serving, self.starting, *self.leaving) if child]

    @property
    def ended(self) -> bool:
        """Nothing runs, and nothing is left to try."""
        return not self.children and self.revived is None

    def want(self, wanted: Wanted) -> None:
        """Start a child for a new wish; the one that serves goes on until the new one is ready."""
        self._log.limit(wanted.log_bytes, wanted.log_count)
        if self.starting and self.starting.wanted.generation == wanted.generation:
            self.starting.wanted = wanted
            return
        if self.starting:
            self._dismiss(self.starting)
            self.starting.listeners.close_all_but(self.listeners)
            self.starting = None
        if wanted.request == self.proven and self.serving is None:
            self.revived, self._quick_deaths = wanted, 0
        self._start(wanted)

    def turn(self) -> None:
        """Take note of what the children said and whether they live; start what is due."""
        self._hear()
        self._bury()
        self._end_overdue()
        if self.revived and not self.serving and not self.starting and time.monotonic() >= self._revive_at:
            self._start(self.revived)

    def stop(self) -> None:
        """Ask all children to finish; new connections are refused from here on."""
        self.revived = None
        for child in (self.serving, self.starting):
            if child:
                self._dismiss(child)
        self.serving = self.starting = None
        if self.listeners:
            self._remembered = self.listeners.ports
            self.listeners.close_all_but(None)
            self.listeners = None

    @property
    def ports(self) -> tuple[int | None, int | None]:
        """Port of the API and of the metrics; remembered when nothing listens."""
        if self.listeners is None:
            return self._remembered
        return self.listeners.ports

    def _start(self, wanted: Wanted) -> None:
        try:
            listeners = open_listeners(wanted, self.listeners, self._remembered)
        except ListenError as error:
            self._give_up(wanted, error.kind, error.message, port=error.port)
            return
        self._say(f"starting {wanted.argv[0]}, port {listeners.api.port}")
        try:
            self.starting = RunningChild(wanted, listeners, self._log)
        except OSError as error:
            listeners.close_all_but(self.listeners)
            self._give_up(wanted, "exit", f"no process can be started: {error.strerror}")

    def _hear(self) -> None:
        for child in self.children:
            self._hear_one(child)

    def _hear_one(self, child: RunningChild) -> None:
        if child.heard_ready() and child is self.starting:
            self._promote(child)

    def _promote(self, child: RunningChild) -> None:
        """The old child leaves only now, and its sockets with it where the new one has others."""
        if self.revived is None:
            self.restarts = 0
        self.starting, self.revived, self.failed = None, None, None
        self.proven = child.wanted.request
        if self.serving:
            self._dismiss(self.serving)
        if self.listeners:
            self.listeners.close_all_but(child.listeners)
        self.serving, self.listeners = child, child.listeners
        self._say(f"process {child.pid} is ready after {child.lived_seconds:.2f} s")

    def _dismiss(self, child: RunningChild) -> None:
        child.ask_to_finish()
        self.leaving.append(child)

    def _bury(self) -> None:
        for child in self.children:
            code = child.exit_code()
            if code is None:
                continue
            self._hear_one(child)  # it may have become ready and ended within one turn
            self._say(f"process {child.pid} ended with {code}")
            child.close()
            self._mourn(child, code)

    def _mourn(self, child: RunningChild, code: int) -> None:
        if child in self.leaving:
            self.leaving.remove(child)
        elif child is self.serving:
            self.serving = None
            self._revive(child, code)
        elif child is self.starting:
            self.starting = None
            self._start_failed(
                child, "exit", f"the voice API ended with {_words(code)} before it was ready", code
            )

    def _end_overdue(self) -> None:
        for child in self.leaving:
            child.end_when_overdue()
        late = self.starting
        if late and late.lived_seconds >= late.wanted.ready_seconds:
            self.starting = None
            self._dismiss(late)
            words = f"the voice API was not ready after {late.wanted.ready_seconds:g} s"
            self._start_failed(late, "time-out", words, None)

    def _start_failed(self, child: RunningChild, kind: FailureKind, words: str, code: int | None) -> None:
        if self.listeners is not child.listeners:
            child.listeners.close_all_but(self.listeners)
        if self.revived and child.wanted.request == self.revived.request:
            self._revive(child, code)
            return
        self._give_up(child.wanted, kind, words, code, lines=child.last_lines)

    def _give_up(
        self,
        wanted: Wanted,
        kind: FailureKind,
        words: str,
        code: int | None = None,
        *,
        port: int | None = None,
        lines: tuple[str, ...] = (),
    ) -> None:
        self.failed = Failure(wanted.request, wanted.generation, kind, words, code, port, lines)
        if self.revived and self.revived.request == wanted.request:
            self.revived = None
        self._say(words)

    def _revive(self, child: RunningChild, code: int | None) -> None:
        """Start again what was ready once: at growing pauses, and not for ever."""
        wanted = child.wanted
        restart = after_death(
            self._quick_deaths, child.lived_seconds, wanted.first_restart_seconds, wanted.restart_limit
        )
        self._quick_deaths = restart.quick_deaths
        if restart.pause_seconds is None:
            words = f"the voice API died {restart.quick_deaths} times in a row, last with {_words(code)}"
            self.revived = None
            self._give_up(wanted, "exit", words, code, lines=child.last_lines)
            return
        self.restarts += 1
        self.revived = wanted
        self._revive_at = time.monotonic() + restart.pause_seconds
        self._say(f"starting it again in {restart.pause_seconds:g} s")

    def _say(self, words: str) -> None:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        line = {"time": stamp, "logger": "kvx.supervisor", "message": words}
        self._log.write(json.dumps(line).encode() + b"\n")


def _words(code: int | None) -> str:
    if code is None:
        return "no answer in time"
    return f"exit code {code}" if code >= 0 else f"signal {-code}"
