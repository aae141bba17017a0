"""WebSockets to an engine: opened, read and written in time, to one address and to no other."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from voice_api.engines.failure import EngineFailedError, Failure, of_status
from voice_api.engines.loop import Loop, nothing

T = TypeVar("T")
MOST_BYTES = 8_000_000
"""Of one message: 40 s of what EVI says. Its library would take 1 MiB, and close at more."""

PING_SECONDS = 5.0
"""A peer that is gone without a word is noticed within twice as long."""

SEND_SECONDS = 1.2
END_SECONDS = 1.0

# At DEBUG websockets tells each header it sends, so also the key.
_quiet = logging.getLogger("voice_api.engines.websockets")
_quiet.setLevel(logging.INFO)


class _Direct(connect):
    """Follows no redirect: with it the key would go elsewhere."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class Socket:
    """One open socket; whoever sends, reads and ends it may be three threads.

    engine  whose it is, for the errors: EngineFailedError is all that is raised
    """

    def __init__(self, engine: str, loop: Loop, connection: ClientConnection) -> None:
        self._engine = engine
        self._loop = loop
        self._connection = connection

    def send(self, text: str) -> None:
        if failure := self._result(_sent(self._connection, text)):
            raise EngineFailedError(self._engine, failure)

    def receive(self, seconds: float, go_on: Callable[[], None] = nothing) -> str:
        """The next message."""
        message = self._result(_received(self._connection, seconds), go_on)
        if isinstance(message, Failure):
            raise EngineFailedError(self._engine, message)
        return message

    def close(self) -> None:
        """At once for who closes, however long the other side takes; whoever reads is told."""
        self._loop.start(_closed(self._connection))

    def _result(self, waiting: Coroutine[Any, Any, T], go_on: Callable[[], None] = nothing) -> T | Failure:
        try:
            return self._loop.result(waiting, go_on)
        except CancelledError:  # the loop ends, with all that waits in it
            return Failure("closed", spent=True)


@dataclass(frozen=True, slots=True)
class Opening:
    """Where to, what carries the key, and how long it may take."""

    address: str
    headers: Mapping[str, str] = field(repr=False)
    seconds: float


def opened(engine: str, loop: Loop, opening: Opening, go_on: Callable[[], None] = nothing) -> Socket:
    """EngineFailedError where the handshake has not succeeded in time; nothing was spent then."""
    connection = loop.result(_opened(opening), go_on)
    if isinstance(connection, Failure):
        raise EngineFailedError(engine, connection)
    return Socket(engine, loop, connection)


def socket_address(address: str) -> str:
    """The address of a provider as one of WebSockets: https becomes wss."""
    return address.rstrip("/").replace("http", "ws", 1) if address.startswith("http") else address.rstrip("/")


async def _opened(opening: Opening) -> ClientConnection | Failure:
    """Failures are values: an exception of websockets may know the headers, and one of them is the key."""
    connecting = _Direct(
        opening.address,
        additional_headers=opening.headers,
        proxy=None,
        compression=None,
        open_timeout=None,
        close_timeout=END_SECONDS,
        ping_interval=PING_SECONDS,
        ping_timeout=PING_SECONDS,
        max_size=MOST_BYTES,
        logger=_quiet,
    )
    try:
        async with asyncio.timeout(opening.seconds):
            return await connecting
    except TimeoutError:
        return Failure("too_late", spent=False)
    except InvalidStatus as error:
        response = error.response
        return of_status(response.status_code, None, response.headers.get("Retry-After"), datetime.now(UTC))
    except (InvalidHandshake, EOFError):
        return Failure("closed", spent=False)
    except OSError:
        return Failure("unreachable", spent=False)


async def _sent(connection: ClientConnection, text: str) -> Failure | None:
    try:
        async with asyncio.timeout(SEND_SECONDS):
            await connection.send(text)
    except TimeoutError:
        return Failure("too_late", spent=True)
    except ConnectionClosed as closed:
        return of_closing(closed.rcvd.code if closed.rcvd else None)
    return None


async def _received(connection: ClientConnection, seconds: float) -> str | Failure:
    try:
        async with asyncio.timeout(seconds):
            message = await connection.recv()
    except TimeoutError:
        return Failure("too_late", spent=True)
    except ConnectionClosed as closed:
        return of_closing(closed.rcvd.code if closed.rcvd else None)
    return message if isinstance(message, str) else Failure("failed", spent=True)


async def _closed(connection: ClientConnection) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(2 * END_SECONDS):
            await connection.close()


def of_closing(code: int | None) -> Failure:
    """What the other side's close code means; None where it went away without one."""
    match code:
        case 1008 | 3000 | 3003:
            return Failure("refused", spent=True)
        case 1013 | 4029:
            return Failure("throttled", spent=True)
        case 1002 | 1003 | 1007 | 1009:
            return Failure("refused", spent=True, ours=True)
        case 1011 | 1012 | 1014:
            return Failure("failed", spent=True)
        case _:
            return Failure("closed", spent=True)
