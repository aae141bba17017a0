"""Runs commands at the same time: side_by_side.py NAME COMMAND... -- NAME COMMAND... [-- ...]

What the first says is shown at once, what each other says once those before it have ended, what failed last.
Ends with 0 where all did so; asked to end, it interrupts all and waits for them.
"""

import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from threading import Lock, Thread
from typing import IO

SUMMARY = "short test summary info"


class Side:
    """One command at work; `hear` is told each line of what it says."""

    def __init__(self, name: str, command: Sequence[str], hear: Callable[[str], object]) -> None:
        self.name, self.command = name, command
        self.summary: list[str] = []
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self._reader = Thread(target=self._listen, args=(hear,))
        self._reader.start()

    def _listen(self, hear: Callable[[str], object]) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            hear(line)
            if self.summary or SUMMARY in line:
                self.summary.append(line)

    def ended(self) -> int:
        """Its exit code, when it has ended and all of it is heard."""
        code = self._process.wait()
        self._reader.join()
        return code

    def interrupt(self) -> None:
        self._process.send_signal(signal.SIGINT)


class Heard:
    """What one side says: kept in a file until it may be shown, and from then on shown at once."""

    def __init__(self, log: IO[str]) -> None:
        self._log: IO[str] | None = log
        self._lock = Lock()

    def hear(self, line: str) -> None:
        with self._lock:
            (self._log.write if self._log is not None else show)(line)

    def let_go(self) -> None:
        with self._lock:
            if self._log is not None:
                self._log.seek(0)
                for line in self._log:
                    show(line)
            self._log = None


def main(words: Sequence[str]) -> int:
    sides: list[Side] = []
    asked: list[bool] = []

    def interrupt(*_: object) -> None:
        for side in sides:
            side.interrupt()

    signal.signal(signal.SIGINT, lambda *_: None)  # a terminal interrupts them itself
    signal.signal(signal.SIGTERM, lambda *_: asked.append(True))  # one that starts now is not yet among them
    with ExitStack() as logs:
        heard: list[Heard] = []
        for name, *command in parted(words):
            heard.append(Heard(logs.enter_context(tempfile.TemporaryFile("w+"))))
            sides.append(Side(name, command, heard[-1].hear))
        signal.signal(signal.SIGTERM, interrupt)
        if asked:
            interrupt()
        codes = [shown(side, said) for side, said in zip(sides, heard, strict=True)]
    show("\n")
    for side, code in zip(sides, codes, strict=True):
        show(f"== {side.name}: {'in order' if code == 0 else f'ended with {code}'}\n")
        show("".join(side.summary) if code else "")
    return int(any(codes))


def parted(words: Sequence[str]) -> list[list[str]]:
    """What stands between the double dashes."""
    ends = [place for place, word in enumerate(words) if word == "--"]
    return [
        list(words[begin:end])
        for begin, end in zip([0, *(each + 1 for each in ends)], [*ends, None], strict=True)
    ]


def shown(side: Side, said: Heard) -> int:
    """Its exit code, once all of it has been shown."""
    show(f"\n== {side.name}: {shlex.join(side.command)}\n")
    said.let_go()
    return side.ended()


def show(words: str) -> None:
    sys.stdout.write(words)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
