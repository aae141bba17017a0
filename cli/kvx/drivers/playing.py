"""Plays replies into a pipe as fast as they are heard, or keeps them for a file."""

import threading
import time
from collections import deque
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
        self._changed = threading.Condition()
        self._waiting: deque[tuple[str, bytes | None]] = deque()
        self._item: str | None = None
        self._gone = False
        threading.Thread(target=self._play, name="player", daemon=True).start()

    def take(self, item: str, pcm: bytes) -> None:
        size = round(RATE * PIECE_SECONDS) * 2
        self._put(*((item, pcm[start : start + size]) for start in range(0, len(pcm), size)))

    def done(self, item: str) -> None:
        self._put((item, None))

    def cut(self) -> str | None:
        with self._changed:
            self._waiting.clear()
            return self._item

    def finish(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._item is None and not self._waiting, seconds)

    def _put(self, *pieces: tuple[str, bytes | None]) -> None:
        with self._changed:
            if not self._gone:
                self._waiting.extend(pieces)
                self._changed.notify_all()

    def _next(self) -> tuple[str, bytes | None]:
        """Once there is one; what was taken before is played."""
        with self._changed:
            if not self._waiting:
                self._item = None
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._waiting)
            self._item, pcm = self._waiting.popleft()
            return self._item, pcm

    def _leave(self) -> None:
        with self._changed:
            self._gone, self._item = True, None
            self._waiting.clear()
            self._changed.notify_all()

    def _play(self) -> None:
        heard_until = time.monotonic()
        while True:
            item, pcm = self._next()
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
                self._leave()
                return
            time.sleep(max(0.0, heard_until - AHEAD_SECONDS - time.monotonic()))
