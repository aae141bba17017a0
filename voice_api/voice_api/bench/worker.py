"""An engine in a process of its own, as its parent sees it: started, asked, ended."""

import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, cast

from voice_api.errors import VoiceApiError

ANSWER_SECONDS = 300.0
"""No engine takes as long to load or to hear half a minute; one that does is ended."""

END_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Command:
    """What starts a worker; the name is for messages."""

    name: str
    argv: tuple[str, ...]


def own_command(folder: Path, threads: int) -> Command:
    argv = (sys.executable, "-m", "voice_api.bench.own", str(folder), json.dumps({"threads": threads}))
    return Command("voice-api", argv)


class Worker:
    """One worker for as long as a block lasts; VoiceApiError where it cannot load or dies."""

    def __init__(self, command: Command) -> None:
        self._command = command
        self._talk = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the worker
        self.started_at = time.perf_counter()
        try:
            self._process = subprocess.Popen(
                command.argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._talk,
            )
        except OSError as error:
            self._talk.close()
            raise self._failed(f"cannot be started: {error.strerror}") from error
        self._requests = cast(IO[bytes], self._process.stdin)
        self._answers = cast(IO[bytes], self._process.stdout)
        self._pending = b""
        self.about: Mapping[str, Any] = {}

    def __enter__(self) -> Self:
        try:
            self.about = self._answer()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def ask(self, **request: object) -> Mapping[str, Any]:
        """One line to the worker, and the one that comes back."""
        try:
            self._requests.write(json.dumps(request).encode() + b"\n")
            self._requests.flush()
        except BrokenPipeError as error:
            raise self._failed(f"ended: {self._last_words()}") from error
        return self._answer()

    def _answer(self) -> Mapping[str, Any]:
        descriptor, deadline = self._answers.fileno(), time.monotonic() + ANSWER_SECONDS
        while b"\n" not in self._pending:
            readable, _, _ = select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
            if not readable:
                raise self._failed(f"did not answer within {ANSWER_SECONDS:g} s")
            piece = os.read(descriptor, 1 << 16)
            if not piece:
                self._process.wait(END_SECONDS)
                raise self._failed(f"ended: {self._last_words()}")
            self._pending += piece
        line, self._pending = self._pending.split(b"\n", 1)
        answer: Mapping[str, Any] = json.loads(line)
        return answer

    def _end(self) -> None:
        """Closing stdin is asking it to end; one that does not is ended."""
        with suppress(BrokenPipeError):
            self._requests.close()
        self._answers.close()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._talk.close()

    def _last_words(self) -> str:
        self._talk.seek(0)
        lines = self._talk.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"exit code {self._process.returncode}"

    def _failed(self, what: str) -> VoiceApiError:
        fix = "measure without it, or reinstall it; `voice-api model check` tries a model of ours"
        return VoiceApiError("engine_failed", f"{self._command.name} {what:.300}", fix, 500)


def program_output(argv: Sequence[str], seconds: float) -> str | None:
    """What a program prints; None where it is not there, fails or takes longer."""
    try:
        ended = subprocess.run(argv, capture_output=True, text=True, timeout=seconds, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return ended.stdout
