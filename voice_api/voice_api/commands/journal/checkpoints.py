"""Heads of the journal, published to a file elsewhere: a chain cut off or made anew does not lead there."""

import logging
import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from voice_api.commands.journal.chain import Head
from voice_api.errors import VoiceApiError

log = logging.getLogger("voice_api.audit")
SEAL_DIGITS = 64


class CheckpointFile:
    """Appends a line for each head; where that cannot be, the log still has them."""

    def __init__(self, file: Path, now: Callable[[], float] = time.time) -> None:
        self._file, self._now = file, now

    def __call__(self, head: Head) -> None:
        moment = datetime.fromtimestamp(self._now(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        try:
            file = os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.write(file, f"{written(head)}\t{moment}\n".encode("ascii"))
                os.fsync(file)
            finally:
                os.close(file)
        except OSError as error:
            log.warning("a checkpoint is not in its file", extra={"reason": error.strerror})


def written(head: Head) -> str:
    return f"{head.number}:{head.seal}"


def checkpoint(text: str) -> Head:
    """VoiceApiError for what is none."""
    number, _, seal = text.partition(":")
    if not (number.isascii() and number.isdigit()) or len(seal) != SEAL_DIGITS:
        fix = "give NUMBER:SEAL as `audit verify` prints it"
        raise VoiceApiError("bad_checkpoint", f"{text[:80]!r} is no checkpoint", fix)
    return Head(int(number), seal)


def checkpoints_in(file: Path) -> Iterator[Head]:
    """Of the lines of such a file, or of any in which they stand first; VoiceApiError for another file."""
    try:
        lines = file.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        message = f"{file} cannot be read: {type(error).__name__}"
        raise VoiceApiError("bad_checkpoint", message, "name the file of checkpoint_file") from None
    yield from (checkpoint(line.split()[0]) for line in lines if line.strip())
