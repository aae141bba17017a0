"""A program beside the service, asked by JSON-RPC, a line each way: it answers in time or is ended."""

import json
import logging
import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import IO, Any

from voice_api.cluster.redact import masked
from voice_api.commands.answers.reading import shortly
from voice_api.errors import VoiceApiError

log = logging.getLogger("voice_api.extensions")
MOST_BYTES = 256_000
MOST_ASKED_BYTES = 32_000
"""So much always fits into the pipe of a program that was asked nothing yet."""
PAUSES = (0.0, 1.0, 2.0, 5.0, 10.0, 30.0)
MOST_BYTES_LOGGED = 20_000


@dataclass(frozen=True, slots=True)
class Program:
    """How it is started: in its folder, with these variables and no others."""

    name: str
    command: Sequence[str]
    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    deadline_seconds: float = 2.0


class Child:
    """Started when it is first asked, one question at a time. What fails is killed, and rests a while."""

    def __init__(self, program: Program, clock: Callable[[], float] = time.monotonic) -> None:
        self._program, self._clock = program, clock
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._numbers = count(1)
        self._failures, self._rests_until = 0, clock()

    def ask(self, method: str, parameters: Mapping[str, object]) -> Any:
        """The result; VoiceApiError after `deadline_seconds` of waiting for others and as many of its own."""
        if not self._lock.acquire(timeout=self._program.deadline_seconds):
            raise self._failed("is busy")
        try:
            return self._result(method, parameters, self._clock() + self._program.deadline_seconds)
        except _BrokenError as error:
            self._end()
            self._failures += 1
            self._rests_until = self._clock() + PAUSES[min(self._failures, len(PAUSES) - 1)]
            raise self._failed(str(error)) from error
        finally:
            self._lock.release()

    def close(self) -> None:
        """End the program."""
        with self._lock:
            self._end()

    def _result(self, method: str, parameters: Mapping[str, object], until: float) -> Any:
        number = next(self._numbers)
        asked = {"jsonrpc": "2.0", "id": number, "method": method, "params": parameters}
        line = json.dumps(asked, allow_nan=False).encode() + b"\n"
        if len(line) > MOST_ASKED_BYTES:
            raise self._failed("was asked with too many words")
        process = self._running()
        reply = _reply(_exchanged(process, line, until, self._clock), number)
        self._failures = 0
        if "error" in reply:
            raise VoiceApiError("extension_refused", _told(reply["error"]), "Ask for something else.", 502)
        return reply["result"]

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is not None:
            return self._process
        if self._clock() < self._rests_until:
            raise self._failed("failed a moment ago, and is started again soon")
        try:
            self._process = subprocess.Popen(
                list(self._program.command),
                cwd=self._program.folder,
                env=dict(self._program.environment),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                start_new_session=True,
            )
        except OSError as error:
            raise _BrokenError(f"cannot be started: {error.strerror}") from error
        drain = threading.Thread(target=_drain, args=(self._program.name, self._process.stderr), daemon=True)
        drain.start()
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)  # of a session of its own, so that nothing of it is left
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()

    def _failed(self, why: str) -> VoiceApiError:
        name = self._program.name.replace("_", " ")
        fix = "Look at what it says in the service's log, or take it out of extensions_folder."
        return VoiceApiError("extension_failed", f"The extension {name} {why}.", fix, 502)


class _BrokenError(Exception):
    """The program did not do what was agreed, so it is ended."""


def _exchanged(
    process: subprocess.Popen[bytes], line: bytes, until: float, clock: Callable[[], float]
) -> bytes:
    """One line for one line."""
    if process.stdin is None or process.stdout is None:
        raise _BrokenError("has no pipes")
    try:
        process.stdin.write(line)
    except OSError as error:
        raise _BrokenError("has ended") from error
    read = b""
    with selectors.DefaultSelector() as waiting:
        waiting.register(process.stdout, selectors.EVENT_READ)
        while not read.endswith(b"\n"):
            left = until - clock()
            if left <= 0 or not waiting.select(left):
                raise _BrokenError("does not answer in time")
            piece = os.read(process.stdout.fileno(), 65_536)
            if not piece:
                raise _BrokenError("has ended")
            read += piece
            if len(read) > MOST_BYTES:
                raise _BrokenError("answers more than can be listened to")
    return read


def _reply(line: bytes, number: int) -> Mapping[str, Any]:
    """The one reply to the question of this number."""
    try:
        reply = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _BrokenError("answers something else than one line of JSON") from error
    match reply:
        case {"jsonrpc": "2.0", "id": int() as given, "result": result} if (
            given == number and len(reply) == 3
        ):
            return {"result": result}
        case {"jsonrpc": "2.0", "id": int() as given, "error": error} if given == number and len(reply) == 3:
            return {"error": error}
    raise _BrokenError("answers something else than it was asked")


def _told(error: object) -> str:
    message = error.get("message") if isinstance(error, Mapping) else None
    said = shortly(masked(message)) if isinstance(message, str) else ""
    return said or "The extension says that it cannot."


def _drain(name: str, stream: IO[bytes]) -> None:
    """What it writes for its owner goes into the log, as far as that can bear it."""
    left = MOST_BYTES_LOGGED
    with stream:
        while piece := stream.read(65_536):
            for line in piece[:left].decode("utf-8", "replace").splitlines():
                log.info("an extension says", extra={"extension": name, "line": shortly(masked(line))})
            left = max(0, left - len(piece))
