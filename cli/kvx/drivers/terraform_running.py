"""Runs one long terraform command: its stream followed, its end bounded, a wish to stop passed on."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kvx.drivers import terraform_survivors as survivors
from kvx.drivers import terraform_tether
from kvx.drivers.files import replace_file
from kvx.drivers.terraform_stream import Failure, Record, failures_of, record_of, words_of
from kvx.errors import ExitCode, KvxError
from kvx.world import World

_SLICE_SECONDS = 0.05
_ENDING_SECONDS = 20.0
_ENDING_SHARE = 0.2
_HURRY_SECONDS = 2.0
_LOGS_KEPT = 12
_SHOWN_LINES = 8


@dataclass(frozen=True, slots=True)
class Command:
    """A command line with its surroundings; stdout and stderr go to `log`, the process is noted in `note`."""

    verb: str
    argv: Sequence[str]
    workspace: Path
    environment: Mapping[str, str]
    log: Path
    note: Path

    @property
    def secrets(self) -> tuple[str, ...]:
        """What may be in no text: Hetzner's answer to too many requests holds the first half of the token."""
        token = self.environment.get("HCLOUD_TOKEN", "")
        return (token, token[: len(token) // 2]) if token else ()

    def clean(self, text: str) -> str:
        for secret in self.secrets:
            text = text.replace(secret, "(secret)")
        return text


@dataclass(frozen=True, slots=True)
class Ended:
    """A terraform that has ended; `stopped` when it was asked to, before it was done."""

    code: int
    records: tuple[Record, ...]
    log: Path
    stopped: bool

    @property
    def failures(self) -> tuple[Failure, ...]:
        return failures_of(self.records)

    @property
    def last_lines(self) -> tuple[str, ...]:
        """The end of what it said, for people; not all of it need be JSON."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        said = (str((record_of(line) or {}).get("@message", line)).strip("│╷╵ ") for line in lines)
        return tuple(line for line in said if line)[-_SHOWN_LINES:]


def run(
    command: Command, deadline_seconds: float, world: World, enough: Callable[[], bool] = lambda: False
) -> Ended:
    """Run it to its end. `enough` is asked all the while; once true, terraform is asked to end in good order.

    Raises KvxError when it is not there, when it does not end in time, and (130) when kvx was asked to stop.
    """
    command.log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _forget_old_logs(command.log)
    with _started(command) as child:
        running = _Running(command, child, world, deadline_seconds, enough)
        try:
            running.follow()
        finally:
            _clean_logs(command)
    command.note.unlink(missing_ok=True)
    return Ended(child.returncode, tuple(running.records), command.log, running.asked)


class _Running:
    """One terraform at work."""

    def __init__(
        self,
        command: Command,
        child: subprocess.Popen[bytes],
        world: World,
        deadline_seconds: float,
        enough: Callable[[], bool],
    ) -> None:
        self._command, self._child, self._world, self._enough = command, child, world, enough
        self._seconds = deadline_seconds
        self._end = world.monotonic() + deadline_seconds
        self._ask_at = self._end - min(_ENDING_SECONDS, deadline_seconds * _ENDING_SHARE)
        self.asked = False
        self.records: list[Record] = []

    def follow(self) -> None:
        with self._command.log.open("r", encoding="utf-8", errors="replace") as log:
            while self._child.poll() is None:
                self._hear(log.read())
                self._watch()
                self._world.sleep(_SLICE_SECONDS)
            self._hear(log.read() + "\n")
        if self.asked and self._child.returncode:
            self._tell_why_it_was_asked()

    def _tell_why_it_was_asked(self) -> None:
        fix = "the same command goes on from here"
        if self._world.stop_requested():
            words = f"stopped terraform {self._command.verb} on request; it has written what it did"
            raise KvxError(words, fix, ExitCode.INTERRUPTED)
        if not self._enough():
            words = f"terraform {self._command.verb} had not ended after {self._seconds:g} s and was stopped"
            raise KvxError(words, f"less {self._command.log}; {fix}", ExitCode.INCOMPLETE)

    def _watch(self) -> None:
        now = self._world.monotonic()
        if not self.asked and (self._world.stop_requested() or self._enough() or now >= self._ask_at):
            self._child.send_signal(signal.SIGINT)
            self.asked = True
        if now >= self._end:
            message = f"terraform {self._command.verb} did not end within {self._seconds:g} s"
            raise KvxError(message, f"less {self._command.log}; the same command goes on from here")

    _rest = ""

    def _hear(self, text: str) -> None:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            record = record_of(self._command.clean(line))
            if record is not None:
                self.records.append(record)
                if words := words_of(record):
                    self._world.progress(words)


@contextlib.contextmanager
def _started(command: Command) -> Iterator[subprocess.Popen[bytes]]:
    """In a process group of its own, so that Ctrl-C reaches kvx only, and all of it can be ended together."""
    descriptor = os.open(command.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "wb") as log:
        child = subprocess.Popen(
            [sys.executable, "-I", "-S", terraform_tether.__file__, *command.argv],
            cwd=command.workspace,
            env=dict(command.environment),
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            process_group=0,
            umask=0o077,
        )
    try:
        survivors.note(command.note, child.pid)
        _let_go(child)
        yield child
    finally:
        _end(child)


def _let_go(child: subprocess.Popen[bytes]) -> None:
    assert child.stdin is not None  # noqa: S101  a pipe was asked for
    with contextlib.suppress(BrokenPipeError), child.stdin:
        child.stdin.write(b"\n")


def _end(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        child.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(_HURRY_SECONDS)
    survivors.end_group(child.pid)
    child.wait()


def _clean_logs(command: Command) -> None:
    """All of them: an earlier kvx may have been killed before it came to this."""
    for path in command.log.parent.glob("*.jsonl"):
        text = path.read_text(encoding="utf-8", errors="replace")
        if text != command.clean(text):
            replace_file(path, command.clean(text))


def _forget_old_logs(log: Path) -> None:
    kept = sorted(log.parent.glob("*.jsonl"), key=lambda path: path.stat().st_mtime)
    for path in kept[: -_LOGS_KEPT + 1]:
        path.unlink(missing_ok=True)
