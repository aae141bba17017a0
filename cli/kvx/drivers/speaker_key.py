"""Reads the key of whoever speaks to the voice API from a file."""

from pathlib import Path

from kvx.drivers.voice_api import SOMEBODY, Speaker
from kvx.errors import ExitCode, KvxError
from kvx.secret import Secret


def speaker_of(file: Path | None, session: str) -> Speaker:
    """Nobody in particular without a file; KvxError where it holds no key."""
    if file is None:
        return SOMEBODY
    try:
        key = file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        key = ""
    if not key or len(key.split()) != 1:
        message = f"{file} holds no key of the voice API"
        raise KvxError(message, f"kvx user add NAME --role operator > {file}", ExitCode.USAGE)
    return Speaker(Secret(key), session)
