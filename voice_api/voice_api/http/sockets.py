"""Listening sockets: opened here, or inherited from a supervisor that keeps them open."""

import errno
import os
import socket

from voice_api.errors import VoiceApiError

BACKLOG = 256


def listening_socket(host: str, port: int, descriptor: int | None) -> socket.socket:
    """The inherited socket if there is one, else a new one; VoiceApiError when there is none to have."""
    return opened_socket(host, port) if descriptor is None else inherited_socket(descriptor)


def figures_socket(host: str, port: int, descriptor: int | None) -> socket.socket | None:
    """The socket of the figures, None when port 0 turns them off."""
    return None if descriptor is None and port == 0 else listening_socket(host, port, descriptor)


def inherited_socket(descriptor: int) -> socket.socket:
    """A stream socket somebody else has opened and listens on."""
    fix = "pass the number of a listening TCP socket that this process inherits"
    try:
        sock = socket.socket(fileno=descriptor)
        listens = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 1
    except OSError as error:
        message = f"descriptor {descriptor} is no socket: {os.strerror(error.errno or 0)}"
        raise VoiceApiError("bad_descriptor", message, fix, 500) from None
    if not listens:
        sock.detach()
        raise VoiceApiError("bad_descriptor", f"descriptor {descriptor} does not listen", fix, 500)
    return sock


def opened_socket(host: str, port: int) -> socket.socket:
    """A new socket that listens on host and port; port 0 takes a free one."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    except OSError as error:
        raise _cannot_listen(host, port, error) from None
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise _cannot_listen(host, port, error) from None
    return sock


def _cannot_listen(host: str, port: int, error: OSError) -> VoiceApiError:
    if error.errno == errno.EADDRINUSE:
        fix = "stop the other program, or choose another port (0 takes a free one)"
        return VoiceApiError("port_taken", f"port {port} on {host} is taken by another program", fix, 500)
    fix = "choose an address of this machine and a port you may use"
    message = f"cannot listen on {host} port {port}: {error.strerror}"
    return VoiceApiError("cannot_listen", message, fix, 500)
