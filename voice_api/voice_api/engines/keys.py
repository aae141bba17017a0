"""Keys of engines, from files that are read anew each time; they are in no message, line or figure."""

from pathlib import Path

from voice_api.errors import VoiceApiError


def key_in(file: Path) -> str:
    """The key in a file, as a Secret is mounted; VoiceApiError tells the file and never what is in it."""
    try:
        key = file.read_bytes().strip()
    except OSError as error:
        raise no_key(f"{file} cannot be read: {error.strerror}") from None
    if not key or not all(33 <= byte < 127 for byte in key):
        raise no_key(f"{file} holds no key: one line of letters, digits and signs is expected")
    return key.decode("ascii")


def no_key(why: str) -> VoiceApiError:
    return VoiceApiError("no_key", why, "write the engine's key into that file, and nothing else", 503)
