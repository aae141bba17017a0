"""The open sessions of /v1/realtime: how many there are, and the wish that they end."""

import asyncio
from dataclasses import dataclass, field

LOOK_SECONDS = 0.02


@dataclass(slots=True)
class Sessions:
    """Counted by the route; `ending` is set once, when the service drains."""

    open: int = 0
    ending: asyncio.Event = field(default_factory=asyncio.Event)

    async def end(self, seconds: float) -> None:
        """Ask all to end and wait until they have, for so long at most."""
        self.ending.set()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while self.open and loop.time() < deadline:
            await asyncio.sleep(LOOK_SECONDS)
