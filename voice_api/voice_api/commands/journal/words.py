"""What was said, beside the chain that commits to it: it can be deleted, and the chain still verifies."""

import errno
import hashlib
import hmac
import json
import os
import secrets
import threading
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from voice_api.errors import VoiceApiError

SALT_BYTES = 32
FOLDER = "words"


@dataclass(frozen=True, slots=True)
class Said:
    """The words of one turn.

    commitment  stands in the chain; without the salt, which is deleted with the words, it tells nothing
    """

    commitment: str
    salt: str
    text: str
    at: float


class Words(Protocol):
    """Where words are kept. VoiceApiError where they cannot be. Safe in several threads."""

    def keep(self, said: Said) -> None: ...

    def forget(self, before: float) -> int:
        """Delete what was said before a moment, and tell how much that was; a day more may go with it."""
        ...

    def all(self) -> Iterator[Said]:
        """The oldest first."""
        ...


def said(text: str, at: float) -> Said:
    """The words with a salt of their own: equal words have different commitments."""
    salt = secrets.token_hex(SALT_BYTES)
    return Said(_commitment(salt, text), salt, text, at)


def as_said(kept: Said) -> bool:
    """Whether these words are the ones that the commitment was made of."""
    return hmac.compare_digest(kept.commitment, _commitment(kept.salt, kept.text))


class WordFiles:
    """A file for each day, which is deleted whole."""

    def __init__(self, journal: Path) -> None:
        self._folder = journal / FOLDER
        self._lock = threading.Lock()

    def keep(self, said: Said) -> None:
        line = f"{json.dumps(asdict(said))}\n".encode("ascii")
        try:
            with self._lock:
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                file = os.open(
                    self._file(said.at), os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600
                )
                try:
                    _append(file, line)
                finally:
                    os.close(file)
        except OSError as error:
            raise not_kept(error.strerror or "its file cannot be written") from error

    def forget(self, before: float) -> int:
        """Whole days: nothing that is older is left, and of the day in which it ends nothing at all."""
        last = self._file(before)
        forgotten = 0
        try:
            with self._lock:
                for file in self._files():
                    if file <= last:
                        forgotten += file.read_bytes().count(b"\n")
                        file.unlink()
        except OSError as error:
            raise not_kept(error.strerror or "its files cannot be deleted") from error
        return forgotten

    def all(self) -> Iterator[Said]:
        for file in self._files():
            for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
                yield said_in(line)

    def _file(self, at: float) -> Path:
        return self._folder / f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}.jsonl"

    def _files(self) -> list[Path]:
        return sorted(self._folder.glob("*.jsonl"))


def said_in(line: str) -> Said:
    """What one line keeps; words that commit to nothing where it was damaged."""
    try:
        content: Mapping[str, Any] = json.loads(line)
        return Said(
            str(content["commitment"]), str(content["salt"]), str(content["text"]), float(content["at"])
        )
    except (ValueError, TypeError, KeyError):
        return Said("", "", "", 0.0)


def not_kept(why: str) -> VoiceApiError:
    return VoiceApiError("words_unwritable", f"what was said cannot be kept: {why}", "make room for it", 503)


def _append(file: int, line: bytes) -> None:
    """All of it or nothing."""
    length = os.fstat(file).st_size
    written = 0
    try:
        written = os.write(file, line)
    finally:
        if written != len(line):
            os.ftruncate(file, length)
    if written != len(line):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _commitment(salt: str, text: str) -> str:
    return hmac.new(salt.encode(), text.encode(errors="surrogatepass"), hashlib.sha256).hexdigest()
