"""Tells a service manager how the service is, by the sd_notify protocol."""

import logging
import socket

log = logging.getLogger("voice_api.server")
SEND_SECONDS = 1.0


def notify(address: str | None, state: str) -> None:
    """Send one datagram such as READY=1; an address that starts with @ is an abstract socket.

    Without an address nothing happens. A manager that cannot be reached is a warning: serving goes on.
    """
    if not address:
        return
    target = f"\0{address[1:]}" if address.startswith("@") else address
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.settimeout(SEND_SECONDS)
            sender.sendto(state.encode(), target)
    except OSError as error:
        log.warning("the service manager was not told", extra={"state": state, "reason": str(error)})
