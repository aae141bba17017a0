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
class Listeners:
    """One socket for the API, one for the metrics."""

    host: str
    api: socket.socket
    metrics: socket.socket

    @property
    def port(self) -> int:
        return int(self.api.getsockname()[1])

    @property
    def metrics_port(self) -> int:
        return int(self.metrics.getsockname()[1])

    def close_all_but(self, kept: "Listeners | None") -> None:
        for listener in (self.api, self.metrics):
            if kept is None or listener not in (kept.api, kept.metrics):
                listener.close()


def open_listeners(
    wanted: Wanted, old: Listeners | None, remembered: tuple[int | None, int | None]
) -> Listeners:
    """Sockets as wanted, those of `old` where they already fit; raises ListenError, `old` untouched."""
    kept = old if old and old.host == wanted.host else None
    api = _fitting(kept.api if kept else None, wanted.port) or _open(wanted.host, wanted.port, remembered[0])
    try:
        metrics = _fitting(kept.metrics if kept else None, wanted.metrics_port) or _open(
            wanted.host, wanted.metrics_port, remembered[1]
        )
    except ListenError:
        if kept is None or api is not kept.api:
            api.close()
        raise
    return Listeners(wanted.host, api, metrics)


def _fitting(listener: socket.socket | None, port: int | None) -> socket.socket | None:
    return listener if listener and port in (None, listener.getsockname()[1]) else None


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
