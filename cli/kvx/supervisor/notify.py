"""Hears a child say that it is ready, by the sd_notify protocol; only that child is believed."""

import os
import socket
import struct
import sys
from pathlib import Path

_CREDENTIALS = struct.Struct("3i")


class NotifySocket:
    """A datagram socket for one child; `address` is what the child finds in NOTIFY_SOCKET.

    On Linux the name is abstract, so no file is left behind and no path is too long.
    """

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | getattr(socket, "SOCK_CLOEXEC", 0))
        self._socket.setblocking(False)
        name = f"kvx-{os.getpid()}-{os.urandom(8).hex()}"
        self._file = None if sys.platform == "linux" else Path("/tmp") / name  # noqa: S108  its name cannot be guessed
        self.address = f"@{name}" if self._file is None else str(self._file)
        self._socket.bind(f"\0{name}" if self._file is None else self.address)
        if sys.platform == "linux":
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)

    def fileno(self) -> int:
        return self._socket.fileno()

    def heard_ready(self, child_pid: int) -> bool:
        """Read what has arrived; true when the child itself said READY=1."""
        ready = False
        while (message := self._receive()) is not None:
            data, sender = message
            ready |= sender in (None, child_pid) and b"READY=1" in data.split(b"\n")
        return ready

    def _receive(self) -> tuple[bytes, int | None] | None:
        try:
            data, ancillary, _flags, _address = self._socket.recvmsg(
                4096, socket.CMSG_SPACE(_CREDENTIALS.size)
            )
        except BlockingIOError:
            return None
        sender = None if self._file is None else -1
        for _level, _kind, content in ancillary:
            sender = _CREDENTIALS.unpack(content[: _CREDENTIALS.size])[0]
        return data, sender

    def close(self) -> None:
        self._socket.close()
        if self._file is not None:
            self._file.unlink(missing_ok=True)
