"""Reads sound from a file or from a pipe, as bytes that the voice API understands."""

import io
import struct
import sys
import wave
from pathlib import Path
from typing import BinaryIO

from kvx.errors import ExitCode, KvxError, from_os_error

_MOST_BYTES = 200_000_000
_FIX = "kvx listen FILE, with a wav, flac, ogg or mp3 file"
_RIFF_HEAD = 12
_CHUNK_HEAD = 8


def read_sound(source: str, raw_rate: int | None = None) -> bytes:
    """The sound of a file, or of the standard input for `-`.

    `raw_rate` says that it has no header: 16-bit little-endian mono samples at that rate.
    """
    sound = _from_stdin() if source == "-" else _from_file(Path(source))
    if not sound:
        raise KvxError(f"{_name(source)} is empty", _FIX, ExitCode.USAGE)
    if len(sound) > _MOST_BYTES:
        message = f"{_name(source)} holds more than {_MOST_BYTES // 1_000_000} MB"
        raise KvxError(message, "give a shorter recording", ExitCode.USAGE)
    return wav_from_raw(sound, raw_rate) if raw_rate else with_true_sizes(sound)


def write_sound(path: Path, sound: bytes) -> None:
    try:
        path.write_bytes(sound)
    except OSError as error:
        raise from_os_error(error) from None


def wav_from_raw(samples: bytes, rate: int) -> bytes:
    """16-bit little-endian mono samples as a wav file; half a sample at the end is left out."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(rate)
        sound.writeframes(samples[: len(samples) // 2 * 2])
    return file.getvalue()


def with_true_sizes(sound: bytes) -> bytes:
    """A wav file whose header tells its size; programs that write to a pipe cannot know it.

    Anything that is no wav file, or is whole, is given back as it is.
    """
    if sound[:4] != b"RIFF" or sound[8:12] != b"WAVE":
        return sound
    at = _RIFF_HEAD
    while at + _CHUNK_HEAD <= len(sound):
        name, size = struct.unpack_from("<4sI", sound, at)
        rest = len(sound) - at - _CHUNK_HEAD
        if name == b"data":
            return _mended(sound, at, rest) if size > rest or (size == 0 and rest) else sound
        at += _CHUNK_HEAD + size + size % 2
    return sound


def _mended(sound: bytes, at: int, size: int) -> bytes:
    mended = bytearray(sound)
    struct.pack_into("<I", mended, 4, len(sound) - _CHUNK_HEAD)
    struct.pack_into("<I", mended, at + 4, size)
    return bytes(mended)


def _from_stdin() -> bytes:
    if sys.stdin.isatty():
        message = "the standard input is a terminal, not sound"
        fix = "arecord -q -f S16_LE -r 16000 -c 1 -d 4 | kvx listen -"
        raise KvxError(message, fix, ExitCode.USAGE)
    return _bounded(sys.stdin.buffer)


def _from_file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return _bounded(file)
    except FileNotFoundError:
        raise KvxError(f"there is no file {path}", _FIX, ExitCode.USAGE) from None
    except IsADirectoryError:
        raise KvxError(f"{path} is a folder", _FIX, ExitCode.USAGE) from None
    except OSError as error:
        raise from_os_error(error) from None


def _bounded(file: BinaryIO) -> bytes:
    return file.read(_MOST_BYTES + 1)


def _name(source: str) -> str:
    return "the standard input" if source == "-" else source
