"""Runs the application under uvicorn: ready when it is true, drained on SIGTERM, gone on the second."""

import asyncio
import logging
import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Protocol

import uvicorn
from fastapi import FastAPI

from voice_api.http.notify import notify
from voice_api.http.readiness import Readiness
from voice_api.http.sessions import Sessions
from voice_api.settings import Settings

log = logging.getLogger("voice_api.server")
SIGNALS = (signal.SIGTERM, signal.SIGINT)
KEEP_ALIVE_SECONDS = 15
FIRST_REQUEST_SECONDS = 1.0
LOOK_SECONDS = 0.01
MAX_MESSAGE_BYTES = 1 << 20
"""Of one message at /v1/realtime: a quarter of a minute of sound, where clients send a tenth of a second."""

PING_SECONDS = 20.0
SESSIONS_END_SECONDS = 2.0


class Served(Protocol):
    """What a server has to know of what it serves."""

    @property
    def settings(self) -> Settings: ...

    @property
    def readiness(self) -> Readiness: ...

    @property
    def sessions(self) -> Sessions: ...


class DrainingServer(uvicorn.Server):
    """uvicorn's server with our signals: the first drains, the second ends the process at once."""

    def __init__(self, config: uvicorn.Config, service: Served, manager: str | None) -> None:
        super().__init__(config)
        self._service = service
        self._manager = manager

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start as uvicorn does, then say that requests are accepted."""
        await super().startup(sockets)
        address = sockets[0].getsockname()[:2] if sockets else ("", 0)
        log.info("serving", extra={"host": address[0], "port": address[1], "pid": os.getpid()})
        notify(self._manager, "READY=1")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End as uvicorn does, but first let the requests come in of connections accepted just now.

        uvicorn closes what has no request yet, and a request on its way there would be lost.
        """
        for server in self.servers:
            server.close()
        await self._service.sessions.end(min(SESSIONS_END_SECONDS, self._service.settings.drain_seconds))
        end = time.monotonic() + FIRST_REQUEST_SECONDS
        await asyncio.sleep(LOOK_SECONDS)  # what the kernel accepted becomes a connection of uvicorn's
        while self._request_expected and time.monotonic() < end:
            await asyncio.sleep(LOOK_SECONDS)
        await super().shutdown(sockets)

    @property
    def _request_expected(self) -> bool:
        """Of a connection that speaks HTTP: one that has become a WebSocket has no cycle to come."""
        return any(each.cycle is None for each in self.server_state.connections if hasattr(each, "cycle"))

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        before = {number: signal.signal(number, self._on_signal) for number in SIGNALS}
        try:
            yield
        finally:
            for number, former in before.items():
                signal.signal(number, former)

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        if self.should_exit:
            os._exit(128 + number)
        self.should_exit = True
        self._service.readiness.draining = True
        notify(self._manager, "STOPPING=1")


def serve(app: FastAPI, service: Served, listening: socket.socket, manager: str | None) -> None:
    """Answer requests on the socket until a signal; returns when what ran has ended or the drain is over."""
    settings = service.settings
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        http="httptools",
        ws="websockets-sansio",
        ws_max_size=MAX_MESSAGE_BYTES,
        ws_ping_interval=PING_SECONDS,
        ws_ping_timeout=PING_SECONDS,
        lifespan="on",
        limit_concurrency=settings.max_connections,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=max(1, round(settings.drain_seconds)),
        proxy_headers=False,
    )
    DrainingServer(config, service, manager).run(sockets=[listening])
    log.info("ended", extra={"pid": os.getpid()})
