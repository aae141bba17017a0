"""The listening sockets of the service, opened by the supervisor and handed to its children."""

import errno
import socket
from dataclasses import dataclass

from kvx.supervisor.records import FailureKind, Wanted

_BACKLOG = 1024


class ListenError(Exception):
    """A socket could not be opened."""

    def __init__(self, kind: FailureKind, message: str, port: int | None) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.port = port


@dataclass(frozen=True, slots=True)
class Listener:
    """A listening socket, and the host under which it was asked for."""

    host: str
    socket: socket.socket

    @property
    def port(self) -> int:
        return int(self.socket.getsockname()[1])

    def fits(self, host: str, port: int | None) -> bool:
        return self.host == host and port in (None, self.port)


@dataclass(frozen=True, slots=True)
class Listeners:
    """One socket for the API, one for the metrics."""

    api: Listener
    metrics: Listener

    @property
    def ports(self) -> tuple[int, int]:
        return self.api.port, self.metrics.port

    def close_all_but(self, kept: "Listeners | None") -> None:
        for listener in (self.api, self.metrics):
            if kept is None or listener not in (kept.api, kept.metrics):
                listener.socket.close()


def open_listeners(
    wanted: Wanted, old: Listeners | None, remembered: tuple[int | None, int | None]
) -> Listeners:
    """Sockets as wanted, those of `old` where they already fit; raises ListenError, `old` untouched."""
    api = _fitting(old.api if old else None, wanted.host, wanted.port, remembered[0])
    try:
        metrics = _fitting(
            old.metrics if old else None, wanted.metrics_host, wanted.metrics_port, remembered[1]
        )
    except ListenError:
        if old is None or api is not old.api:
            api.socket.close()
        raise
    return Listeners(api, metrics)


def _fitting(old: Listener | None, host: str, port: int | None, remembered: int | None) -> Listener:
    return old if old and old.fits(host, port) else Listener(host, _open(host, port, remembered))


def _open(host: str, port: int | None, remembered: int | None) -> socket.socket:
    """A wanted port is taken or refused; a remembered one may be replaced by any that is free."""
    if port is not None:
        return _listen(host, port)
    try:
        return _listen(host, remembered or 0)
    except ListenError as error:
        if error.kind != "port-taken":
            raise
        return _listen(host, 0)


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _name, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as error:
        raise ListenError("host", f"the host {host} is not known: {error.strerror}", None) from error
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise _listen_error(host, port, error) from error
    return listener


def _listen_error(host: str, port: int, error: OSError) -> ListenError:
    match error.errno:
        case errno.EADDRINUSE:
            return ListenError("port-taken", f"port {port} on {host} is taken", port)
        case errno.EACCES:
            return ListenError("port-forbidden", f"this user may not open port {port}", port)
        case _:
            return ListenError("host", f"cannot listen on {host}, port {port}: {error.strerror}", port)
