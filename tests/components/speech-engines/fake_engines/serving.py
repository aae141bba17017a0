"""A WebSocket server on a thread of its own, with the moods that all providers share."""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus

from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

STATUSES = frozenset({"301", "400", "401", "402", "403", "429", "500", "502", "503"})
CLOSES = {f"close {code}": code for code in (1000, 1001, 1002, 1008, 1009, 1011, 1012, 1013)}

# What a server logs of the keys it is brought is no matter of ours.
_quiet = logging.getLogger("fake_engines.quiet")
_quiet.setLevel(logging.CRITICAL)


@dataclass
class Moods:
    """What a server is to do, and what it was asked.

    fault        "none", a status of the handshake, "close CODE" once greeted, or one of those below
    retry_after  sent with a status that refuses
    keys         what each caller brought in the header that carries keys
    let_go       what hangs goes on once it is set
    """

    address: str = ""
    fault: str = "none"
    retry_after: str | None = None
    elsewhere: str = ""
    keys: list[str | None] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    let_go: threading.Event = field(default_factory=threading.Event)


Talk = Callable[[ServerConnection], Awaitable[None]]


@contextmanager
def serving(moods: Moods, key_header: str, talk: Talk) -> Iterator[None]:
    """Serves on a free port of this machine until the block ends."""
    loop, ready, port = asyncio.new_event_loop(), threading.Event(), 0

    async def greeted(connection: ServerConnection, request: Request) -> Response | None:
        moods.keys.append(request.headers.get(key_header))
        moods.paths.append(request.path)
        return await _refusal(moods)

    async def talked(connection: ServerConnection) -> None:
        try:
            await talk(connection)
        except ConnectionClosed:
            return

    async def run() -> None:
        nonlocal port
        async with serve(
            talked,
            "127.0.0.1",
            0,
            process_request=greeted,
            ping_interval=None,
            close_timeout=1,
            compression=None,
            logger=_quiet,
        ) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            ready.set()
            await stopped.wait()

    stopped = asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(run()), daemon=True)
    thread.start()
    assert ready.wait(60)
    moods.address = f"http://127.0.0.1:{port}"
    try:
        yield
    finally:
        moods.let_go.set()
        loop.call_soon_threadsafe(stopped.set)
        thread.join(60)
        assert not thread.is_alive(), "the server did not end"
        loop.close()


async def _refusal(moods: Moods) -> Response | None:
    if moods.fault == "slow first byte":
        await wait_for(moods.let_go)
    if moods.fault not in STATUSES:
        return None
    status = HTTPStatus(int(moods.fault))
    headers = Headers({"Content-Length": "0", "Connection": "close"})
    if moods.retry_after:
        headers["Retry-After"] = moods.retry_after
    if status == 301:
        headers["Location"] = moods.elsewhere
    return Response(status, status.phrase, headers)


async def wait_for(event: threading.Event) -> None:
    """Without holding up others."""
    while not event.is_set():
        await asyncio.sleep(0.02)


async def in_mood(connection: ServerConnection, moods: Moods) -> bool:
    """Do what the mood says once a caller was greeted; whether that was all."""
    match moods.fault:
        case fault if fault in CLOSES:
            await connection.close(CLOSES[fault], f"the key was {moods.keys[-1]}")
        case "cut off":
            connection.transport.abort()
        case "no json":
            await connection.send("<html>")
        case "no object":
            await connection.send("[1]")
        case "binary":
            await connection.send(b"\x00\x01")
        case "silent":
            await wait_for(moods.let_go)
        case _:
            return False
    return True
