"""A process without a network: nothing it sends can arrive, and whatever it tries to reach is seen."""

import ctypes
import os
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
WATCHED = frozenset(
    {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "socket.sendmsg"}
)
NETWORKS = frozenset({int(socket.AF_INET), int(socket.AF_INET6)})


@dataclass(frozen=True, slots=True, order=True)
class Attempt:
    """Somebody tried to reach this host, or asked for its address."""

    host: str
    port: int | None = None


class Attempts:
    """Every attempt of Python code from now on; the interpreter tells of each before it is made."""

    def __init__(self) -> None:
        self._seen: set[Attempt] = set()
        sys.addaudithook(self._told)

    @property
    def seen(self) -> tuple[Attempt, ...]:
        return tuple(sorted(self._seen, key=lambda each: (each.host, each.port or 0)))

    def _told(self, event: str, arguments: tuple[object, ...]) -> None:
        if event in WATCHED and (found := attempt_of(event, arguments)) is not None:
            self._seen.add(found)


def attempt_of(event: str, arguments: tuple[object, ...]) -> Attempt | None:
    """What an audit event of the interpreter tries to reach; None where that is this machine's own files."""
    match event, arguments:
        case "socket.gethostbyname", (host, *_):
            return Attempt(_text(host))
        case "socket.getaddrinfo", (host, port, *_):
            return Attempt(_text(host), port if isinstance(port, int) else None) if host else None
        case _, (socket.socket() as used, (host, port, *_), *_) if int(used.family) in NETWORKS:
            return Attempt(_text(host), port if isinstance(port, int) else None)
        case _, (socket.socket() as used, *_) if int(used.family) in NETWORKS:
            return Attempt("an address that was not told")
        case _:
            return None


def leave_network() -> bool:
    """From now on this process and what it starts have no network but an idle one of their own.

    For a process of one thread. False where the kernel lets nobody do that here; all is as it was then.
    """
    library = ctypes.CDLL(None, use_errno=True)
    if library.unshare(CLONE_NEWNET) == 0:
        return True
    user, group = os.geteuid(), os.getegid()
    if library.unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0:
        return False
    # Who one was, so that files can be made as before.
    for name, content in (
        ("setgroups", "deny"),
        ("uid_map", f"{user} {user} 1"),
        ("gid_map", f"{group} {group} 1"),
    ):
        Path("/proc/self", name).write_text(content, encoding="ascii")
    return True


def sent_bytes(table: str) -> dict[str, int]:
    """By the name of each network there is, as /proc/net/dev tells it."""
    rows = (line.partition(":") for line in table.splitlines() if ":" in line)
    return {name.strip(): int(figures.split()[8]) for name, _, figures in rows}


def _text(host: object) -> str:
    return host.decode("ascii", errors="replace") if isinstance(host, bytes) else str(host)
