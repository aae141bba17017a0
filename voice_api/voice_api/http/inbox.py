"""What a client has sent and nobody has taken yet: read on, so that its pongs are seen while it is heard."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

Message: TypeAlias = MutableMapping[str, Any]
MOST_BYTES = 2 * 1024 * 1024
"""Half a minute of sound at 24 kHz; with so much untaken nothing more is read."""

AROUND_BYTES = 512
"""What an empty message takes."""


class Inbox:
    """Takes messages of a WebSocket in their order; the one that ends it is the last."""

    def __init__(self, receive: Callable[[], Awaitable[Message]]) -> None:
        self._receive = receive
        self._messages: asyncio.Queue[Message] = asyncio.Queue()
        self._room = asyncio.Event()
        self._room.set()
        self._bytes = 0

    async def fill(self) -> None:
        """Read until the client is gone."""
        message: Message = {"type": ""}
        while message["type"] != "websocket.disconnect":
            await self._room.wait()
            message = await self._receive()
            self._messages.put_nowait(message)
            self._count(_size(message))

    async def next(self) -> Message:
        message = await self._messages.get()
        self._count(-_size(message))
        return message

    def _count(self, size: int) -> None:
        self._bytes += size
        if self._bytes < MOST_BYTES:
            self._room.set()
        else:
            self._room.clear()


def _size(message: Message) -> int:
    return AROUND_BYTES + len(message.get("text") or message.get("bytes") or "")
