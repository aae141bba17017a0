"""One process of the service: started on given sockets, heard, logged, asked to finish, ended."""

import os
import signal
import subprocess
import sys
import time
from collections import deque
from contextlib import suppress
from pathlib import Path

from kvx.supervisor import records
from kvx.supervisor.identity import Process, process
from kvx.supervisor.listeners import Listeners
from kvx.supervisor.log import RotatingLog
from kvx.supervisor.notify import NotifySocket
from kvx.supervisor.records import Wanted

_KEPT_LINES = 20
_TETHER = Path(__file__).with_name("tether.py")


class RunningChild:
    """A started process; it leads its own process group, so nothing it starts outlives it."""

    def __init__(self, wanted: Wanted, listeners: Listeners, log: RotatingLog) -> None:
        self.wanted = wanted
        self.listeners = listeners
        self.started = time.monotonic()
        self.since = time.time()
        self.stop_before: float | None = None
        self._log = log
        self._rest = b""
        self._lines: deque[str] = deque(maxlen=_KEPT_LINES)
        self._notify = NotifySocket()
        self._output, output = os.pipe()
        os.set_blocking(self._output, False)
        try:
            self._popen = _start(wanted, listeners, self._notify.address, output)
        except OSError:
            self.close()
            raise
        finally:
            os.close(output)
        self._process = process(self.pid) or Process(self.pid, "gone")

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def lived_seconds(self) -> float:
        return time.monotonic() - self.started

    @property
    def readable(self) -> tuple[int, int]:
        """File descriptors whose data `hear` reads."""
        return self._output, self._notify.fileno()

    @property
    def last_lines(self) -> tuple[str, ...]:
        return tuple(self._lines)

    @property
    def record(self) -> records.Child:
        wanted = self.wanted
        return records.Child(
            self._process, wanted.request, wanted.generation, wanted.version, wanted.model, self.since
        )

    def heard_ready(self) -> bool:
        """Move what it wrote to the log; true when it just said that it is ready."""
        self._read_output()
        return self._notify.heard_ready(self.pid)

    def exit_code(self) -> int | None:
        """None while it runs, negative for the signal that ended it.

        Its last words are read, and what it left behind in its group is ended. Ask no more after that.
        """
        ended = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if ended is None:
            return None
        self._signal_group(signal.SIGKILL)  # before it is reaped: until then the number is still its own
        self._read_output()
        return self._popen.wait()

    def ask_to_finish(self) -> None:
        self.stop_before = time.monotonic() + self.wanted.drain_seconds
        with suppress(ProcessLookupError):  # Popen would reap a child that has just ended
            os.kill(self.pid, signal.SIGTERM)

    def end_when_overdue(self) -> None:
        if self.stop_before is not None and time.monotonic() >= self.stop_before:
            self.end()

    def end(self) -> None:
        self._signal_group(signal.SIGKILL)

    def close(self) -> None:
        """Let go of its pipes, once it has ended or could not be started."""
        os.close(self._output)
        self._notify.close()

    def _signal_group(self, number: int) -> None:
        try:
            os.killpg(self.pid, number)
        except (ProcessLookupError, PermissionError):
            return

    def _read_output(self) -> None:
        while data := self._read():
            self._log.write(data)
            *lines, self._rest = (self._rest + data).split(b"\n")
            self._lines.extend(line.decode(errors="replace") for line in lines)
            self._rest = self._rest[-4096:]

    def _read(self) -> bytes:
        try:
            return os.read(self._output, 65536)
        except BlockingIOError:
            return b""


def _start(wanted: Wanted, listeners: Listeners, notify: str, output: int) -> subprocess.Popen[bytes]:
    sockets = (listeners.api.socket.fileno(), listeners.metrics.socket.fileno())
    flags = ("--fd", str(sockets[0]), "--metrics-fd", str(sockets[1]))
    tether = (sys.executable, "-I", "-S", str(_TETHER), str(os.getpid())) if sys.platform == "linux" else ()
    return subprocess.Popen(
        [*tether, *wanted.argv, *flags],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        pass_fds=sockets,
        env=_environment() | {"NOTIFY_SOCKET": notify},
        process_group=0,
    )


def _environment() -> dict[str, str]:
    """Without KVX_*: kvx has written what they say into the settings file, and there it is seen."""
    return {name: value for name, value in os.environ.items() if not name.startswith("KVX_")}
