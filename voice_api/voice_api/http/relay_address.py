"""Where the processor of a voice API is."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from voice_api.settings import SettingsError

HTTP_PORT = 80


@dataclass(frozen=True, slots=True)
class Address:
    """A host's name or address, and a port."""

    host: str
    port: int


def processor_address(url: str) -> Address | None:
    """None for an empty URL; SettingsError for what is none, or asks for more than host and port."""
    if not url:
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _refused(url) from None
    plain = parts.scheme == "http" and not (parts.username or parts.query or parts.fragment)
    if not plain or not parts.hostname or parts.path not in {"", "/"}:
        raise _refused(url)
    return Address(parts.hostname, port or HTTP_PORT)


def _refused(url: str) -> SettingsError:
    fix = "give its host and port, such as http://127.0.0.1:8485"
    return SettingsError(f"processor_url cannot be {url[:100]!r}", fix)
