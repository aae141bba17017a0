"""Where a language model may be: what an address says, and whether it is on machines of one's own. Pure."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from voice_api.errors import VoiceApiError

OWN_ENDINGS = (".svc", ".svc.cluster.local", ".local", ".internal", ".lan", ".home.arpa", ".localhost")


def checked_address(address: str, *, own_only: bool) -> str:
    """The address without a / at its end; VoiceApiError where it is none, or may not be asked.

    own_only  nothing may leave the own machines
    """
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise _refused(address, "is no address") from None
    plain = not (parts.username or parts.password or parts.query or parts.fragment) and port != 0
    if parts.scheme not in {"http", "https"} or not host or not plain:
        raise _refused(address, "is no address")
    if not is_own(host):
        if own_only:
            raise _refused(address, "is no machine of yours, and local_only is set")
        if parts.scheme != "https":
            raise _refused(address, "is no machine of yours, and http is read by everybody on the way")
    return address.rstrip("/")


def is_own(host: str) -> bool:
    """Whether a host is this machine, in a private network, or a name that only such a network knows."""
    try:
        number = ip_address(host)
    except ValueError:
        return "." not in host or host.endswith(OWN_ENDINGS)
    return number.is_loopback or (
        number.is_private and not number.is_link_local and not number.is_unspecified
    )


def _refused(address: str, why: str) -> VoiceApiError:
    shown = address.rsplit("@", 1)[-1][:100]
    fix = "give http://HOST:PORT of a server of yours, or https:// of another one"
    return VoiceApiError("bad_language_model", f"language_model_address {shown!r} {why}", fix, 500)
