"""Plays replies into a pipe as fast as they are heard, or keeps them for a file."""

import queue
import threading
import time
from collections.abc import Callable
from typing import BinaryIO, Protocol

PIECE_SECONDS, AHEAD_SECONDS = 0.1, 0.2
RATE = 24_000


class Sink(Protocol):
    """Where replies go."""

    def take(self, item: str, pcm: bytes) -> None:
        """More of the sound of a reply."""
        ...

    def done(self, item: str) -> None:
        """No more of it comes."""
        ...

    def cut(self) -> str | None:
        """Nothing of what is there is played any more; which reply that was."""
        ...

    def finish(self, seconds: float) -> None:
        """Play what there is, for so long at most."""
        ...


class Kept:
    """All replies one after the other; whoever reads them was not interrupted."""

    def __init__(self) -> None:
        self.sound = b""

    def take(self, item: str, pcm: bytes) -> None:  # noqa: ARG002  as every sink
        self.sound += pcm

    def done(self, item: str) -> None:
        """Nothing is played."""

    def cut(self) -> str | None:
        return None

    def finish(self, seconds: float) -> None:
        """Nothing is left."""


class Pipe:
    """Plays on a thread of its own, AHEAD_SECONDS before it is heard; `played` is told of each end."""

    def __init__(self, file: BinaryIO, played: Callable[[str], None]) -> None:
        self._file, self._played = file, played
        self._waiting: queue.Queue[tuple[str, bytes | None]] = queue.Queue()
        self._item: str | None = None
        self._gone = False
        self._idle = threading.Event()
        self._idle.set()
        threading.Thread(target=self._play, name="player", daemon=True).start()

    def take(self, item: str, pcm: bytes) -> None:
        self._put(item, pcm)

    def done(self, item: str) -> None:
        self._put(item, None)

    def cut(self) -> str | None:
        playing = self._item
        try:
            while True:
                self._waiting.get_nowait()
        except queue.Empty:
            return playing

    def finish(self, seconds: float) -> None:
        self._idle.wait(seconds)

    def _put(self, item: str, pcm: bytes | None) -> None:
        if self._gone:
            return
        self._idle.clear()
        size = round(RATE * PIECE_SECONDS) * 2
        for start in range(0, len(pcm or b""), size):
            self._waiting.put((item, (pcm or b"")[start : start + size]))
        if pcm is None:
            self._waiting.put((item, None))

    def _play(self) -> None:
        heard_until = time.monotonic()
        while True:
            if self._waiting.empty():
                self._item = None
                self._idle.set()
            item, pcm = self._waiting.get()
            self._item = item
            now = time.monotonic()
            if pcm is None:
                time.sleep(max(0.0, heard_until - now))
                self._played(item)
                continue
            heard_until = max(heard_until, now) + len(pcm) / 2 / RATE
            try:
                self._file.write(pcm)
                self._file.flush()
            except OSError:  # whoever played it is gone, and the rest is read
                self._gone, self._item = True, None
                self._idle.set()
                return
            time.sleep(max(0.0, heard_until - AHEAD_SECONDS - time.monotonic()))
