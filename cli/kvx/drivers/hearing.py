"""Sound from a microphone's pipe or from a file, piece by piece as it is said."""

import io
import struct
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from kvx.errors import ExitCode, KvxError, from_os_error

RATES = (16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
PIECE_SECONDS = 0.1
LAST_SILENCE_SECONDS = 1.0
"""After the last word of a file, so that it is known to be the last."""

MOST_HEAD_BYTES, MOST_BYTES = 65_536, 200_000_000
_FIX = "arecord -q -t raw -f S16_LE -r 16000 -c 1 | kvx listen - --continuous --raw-rate 16000"


class Pieces:
    """Bare samples of 16 bit; a file comes no faster than it was spoken."""

    def __init__(self, file: BinaryIO, rate: int, *, paced: bool) -> None:
        self.rate = rate
        self._file, self._paced = file, paced

    def __iter__(self) -> Iterator[bytes]:
        size = round(self.rate * PIECE_SECONDS) * 2
        due = time.monotonic()
        while piece := self._file.read(size):
            yield piece[: len(piece) // 2 * 2]
            due += PIECE_SECONDS
            if self._paced:
                time.sleep(max(0.0, due - time.monotonic()))
        yield bytes(round(self.rate * LAST_SILENCE_SECONDS) * 2)


def pieces_of(source: str, raw_rate: int | None) -> Pieces:
    """Of a file, or of the standard input for `-`; KvxError for what cannot be said as it comes."""
    if source != "-":
        file = io.BytesIO(_content(Path(source)))
        return Pieces(file, _rate(file, raw_rate), paced=True)
    if sys.stdin.isatty():
        raise KvxError("the standard input is a terminal, not sound", _FIX, ExitCode.USAGE)
    return Pieces(sys.stdin.buffer, _rate(sys.stdin.buffer, raw_rate), paced=False)


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES)
    except OSError as error:
        raise from_os_error(error) from None


def _rate(file: BinaryIO, raw_rate: int | None) -> int:
    """Of bare samples as it is said, else as the head of the wav file says; reads the head."""
    rate = raw_rate or _head(file)
    if rate not in RATES:
        message = f"sound of {rate} Hz cannot be listened to as it comes"
        raise KvxError(message, f"record at 16000 Hz: {_FIX}", ExitCode.USAGE)
    return rate


def _head(file: BinaryIO) -> int:
    if (start := file.read(12))[:4] != b"RIFF" or start[8:] != b"WAVE":
        raise _no_wav()
    rate, left = 0, MOST_HEAD_BYTES
    while left > 0:
        head = file.read(8)
        if len(head) < 8:
            break
        name, size = struct.unpack("<4sI", head)
        if name == b"data" and rate:
            return rate
        chunk = file.read(min(size + size % 2, left))
        left -= len(chunk) + 8
        if name == b"fmt " and len(chunk) >= 16:
            kind, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", chunk)
            if (kind, channels, bits) != (1, 1, 16):
                break
    raise _no_wav()


def _no_wav() -> KvxError:
    return KvxError("this is no wav file of one channel and 16 bit", _FIX, ExitCode.USAGE)
