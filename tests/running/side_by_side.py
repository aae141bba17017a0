"""Runs two commands at the same time: side_by_side.py NAME COMMAND... -- NAME COMMAND...

What the first says is shown at once, what the second says once the first has ended, what failed last of all.
Ends with 0 where both did so; asked to end, it interrupts both and waits for them.
"""

import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
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


class Held:
    """Lines that are kept in a file until they may be shown; those that come later are shown at once."""

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
    middle = words.index("--")
    sides: list[Side] = []

    def interrupt(*_: object) -> None:
        for side in sides:
            side.interrupt()

    signal.signal(signal.SIGINT, lambda *_: None)  # a terminal interrupts them itself
    signal.signal(signal.SIGTERM, interrupt)
    with tempfile.TemporaryFile("w+") as log:
        held = Held(log)
        for (name, *command), hear in ((words[:middle], show), (words[middle + 1 :], held.hear)):
            sides.append(Side(name, command, hear))
        first = sides[0].ended()
        show(f"\n== {sides[1].name}, beside the others: {shlex.join(sides[1].command)}\n")
        held.let_go()
        codes = [first, sides[1].ended()]
    show("\n")
    for side, code in zip(sides, codes, strict=True):
        show(f"== {side.name}: {'in order' if code == 0 else f'ended with {code}'}\n")
        show("".join(side.summary) if code else "")
    return int(any(codes))


def show(words: str) -> None:
    sys.stdout.write(words)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
