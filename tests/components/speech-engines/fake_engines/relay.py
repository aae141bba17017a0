"""A cable that can be cut without a word: what goes through it is held, and no end ever hears of it."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class Relay:
    """Once it is cut nothing comes through either way, and nothing is closed: a connection half open."""

    address: str = ""
    cut: threading.Event = field(default_factory=threading.Event)
    connections: int = 0


@contextmanager
def relay(to: str) -> Iterator[Relay]:
    """Of one address on this machine, such as http://127.0.0.1:1234, for as long as the block lasts."""
    scheme, _, rest = to.partition("://")
    place, _, path = rest.partition("/")
    host, _, port = place.partition(":")
    told, ends = Relay(), list[socket.socket]()
    with socket.create_server(("127.0.0.1", 0)) as server:
        told.address = f"{scheme}://127.0.0.1:{server.getsockname()[1]}/{path}".rstrip("/")
        threading.Thread(target=_take, args=(server, (host, int(port)), told, ends), daemon=True).start()
        try:
            yield told
        finally:
            for end in ends:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                end.close()


def _take(server: socket.socket, to: tuple[str, int], told: Relay, ends: list[socket.socket]) -> None:
    with suppress(OSError):
        while True:
            near, _ = server.accept()
            far = socket.create_connection(to)
            ends += [near, far]
            told.connections += 1
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=_carry, args=(source, sink, told), daemon=True).start()


def _carry(source: socket.socket, sink: socket.socket, told: Relay) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            if told.cut.is_set():
                return
            sink.sendall(data)
        if not told.cut.is_set():
            sink.shutdown(socket.SHUT_WR)
