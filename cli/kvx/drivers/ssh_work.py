"""Works on several machines by SSH at once: commands one after the other on each, files sent on the way.

What is to be done on a machine is a generator: it gives the next command, and is given what came of it.
"""

import os
import subprocess
import tempfile
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Generic, TypeVar

from kvx.drivers.ssh_failures import failure_of, fix_of, last_words
from kvx.drivers.ssh_probe import Way
from kvx.errors import ExitCode, KvxError
from kvx.nodes.inventory import Host
from kvx.world import World

SSH_FAILED = 255
AT_ONCE = 8
_SLICE_SECONDS = 0.05
_TOLD_SECONDS = 2.0
_KILL_SECONDS = 5.0
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Remote:
    """A script for a machine's shell, begun after a pause; `send` is its standard input from `offset` on."""

    script: str
    send: Path | None = None
    offset: int = 0
    pause_seconds: float = 0


@dataclass(frozen=True, slots=True)
class Said:
    """What came of it; `code` is 255 where ssh itself failed."""

    code: int
    output: str
    talk: str

    @property
    def words(self) -> str:
        return last_words(self.talk)


Work = Generator[Remote, Said, T]


@dataclass(frozen=True, slots=True)
class Worked(Generic[T]):
    """What a machine's work came to: its value, or why there is none."""

    value: T | None
    error: KvxError | None = None


def work_on(
    works: Mapping[Host, Work[T]], way: Way, deadline_seconds: float, world: World
) -> dict[Host, Worked[T]]:
    """Every machine's work to its end, of some at once; one that fails leaves the others alone."""
    return _Working(works, way, deadline_seconds, world).all_done()


def not_reached(way: Way, host: Host, said: Said) -> KvxError:
    """A machine that ssh did not come to, or lost on the way."""
    failure = failure_of(said.talk)
    message = f"{host.name} ({host.address}) was not reached, {failure.value}: {said.words}"
    return KvxError(message, fix_of(failure, way.folder, host.address, way.key))


class _Working(Generic[T]):
    def __init__(
        self, works: Mapping[Host, Work[T]], way: Way, deadline_seconds: float, world: World
    ) -> None:
        self._works = dict(works)
        self._way, self._world = way, world
        self._seconds, self._end = deadline_seconds, world.monotonic() + deadline_seconds
        self._waiting = list(works)
        self._later: dict[Host, tuple[float, Remote]] = {}
        self._running: dict[Host, _Session] = {}
        self._done: dict[Host, Worked[T]] = {}

    def all_done(self) -> dict[Host, Worked[T]]:
        try:
            while self._waiting or self._running or self._later:
                while self._waiting and len(self._running) + len(self._later) < AT_ONCE:
                    self._go_on(self._waiting.pop(0), None)
                self._begin_those_due()
                self._listen()
                self._check()
                self._world.sleep(_SLICE_SECONDS)
        finally:
            for session in self._running.values():
                session.end()
        return {host: self._done[host] for host in self._works}

    def _begin_those_due(self) -> None:
        for host, (due, remote) in tuple(self._later.items()):
            if due <= self._world.monotonic():
                del self._later[host]
                self._running[host] = _Session(self._way, host, remote, self._world)

    def _listen(self) -> None:
        for host, session in tuple(self._running.items()):
            session.tell(host.name, self._world)
            said = session.said()
            if said is not None:
                session.end()
                del self._running[host]
                self._go_on(host, said)

    def _go_on(self, host: Host, said: Said | None) -> None:
        """Hand over what was said, and begin the next command; or keep what the work came to."""
        work = self._works[host]
        try:
            remote = next(work) if said is None else work.send(said)
        except StopIteration as end:
            self._done[host] = Worked(end.value)
        except KvxError as error:
            self._done[host] = Worked(None, error)
        else:
            self._later[host] = (self._world.monotonic() + remote.pause_seconds, remote)

    def _check(self) -> None:
        if self._world.stop_requested():
            raise KvxError("stopped on request", "the same command goes on from here", ExitCode.INTERRUPTED)
        if self._world.monotonic() >= self._end:
            for host in (*self._waiting, *self._running, *self._later):
                message = f"{host.name} was not done within {self._seconds:g} s"
                fix = "the same command goes on from here; images.deadline_seconds gives it longer"
                self._done[host] = Worked(None, KvxError(message, fix))
            for session in self._running.values():
                session.end()
            self._waiting, self._running, self._later = [], {}, {}


class _Session:
    """One ssh at work. What it prints goes to files; of what it sends the file's position tells how far."""

    def __init__(self, way: Way, host: Host, remote: Remote, world: World) -> None:
        self._output, self._talk = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115
        self._input: IO[bytes] | None = None
        if remote.send is not None:
            self._input = remote.send.open("rb", buffering=0)
            self._input.seek(remote.offset)
            self._size = remote.send.stat().st_size
        self._told = self._begun = world.monotonic()
        self._offset = remote.offset
        try:
            self._child = subprocess.Popen(
                (*way.argv(host), remote.script),
                stdin=self._input or subprocess.DEVNULL,
                stdout=self._output,
                stderr=self._talk,
            )
        except FileNotFoundError:
            message = "there is no program ssh on this machine"
            raise KvxError(message, "install OpenSSH's client", ExitCode.MISSING) from None

    def said(self) -> Said | None:
        """None while it is still at work."""
        code = self._child.poll()
        return None if code is None else Said(code, _text(self._output), _text(self._talk))

    def tell(self, name: str, world: World) -> None:
        """How much of the file is sent, now and then."""
        now = world.monotonic()
        if self._input is None or now - self._told < _TOLD_SECONDS:
            return
        self._told = now
        sent = os.lseek(self._input.fileno(), 0, os.SEEK_CUR)
        world.progress(f"{name}: {progress_words(sent, self._size, sent - self._offset, now - self._begun)}")

    def end(self) -> None:
        if self._child.poll() is None:
            self._child.terminate()
            try:
                self._child.wait(_KILL_SECONDS)
            except subprocess.TimeoutExpired:
                self._child.kill()
        self._child.wait()
        for file in (self._output, self._talk, self._input):
            if file is not None:
                file.close()


def progress_words(sent: int, size: int, sent_now: int, seconds: float) -> str:
    """Bytes, and how long the rest will take at this pace."""
    words = f"{sent / 1e6:.1f} of {size / 1e6:.1f} MB"
    if sent_now <= 0 or seconds <= 0:
        return words
    return f"{words}, about {(size - sent) * seconds / sent_now:.0f} s left"


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")
