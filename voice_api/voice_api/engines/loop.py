"""One thread that waits for the network in others' place, so that no wait lasts longer than its deadline."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, wait
from typing import Any, TypeVar

LOOK_SECONDS = 0.02
END_SECONDS = 5.0
T = TypeVar("T")


def nothing() -> None:
    """Goes on."""


class Loop:
    """An event loop on a thread of its own; safe to use from any other thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._endings: list[Future[None]] = []
        self._thread = threading.Thread(target=self._loop.run_forever, name="engine-calls", daemon=True)
        self._thread.start()

    def result(self, waiting: Coroutine[Any, Any, T], go_on: Callable[[], None] = nothing) -> T:
        """What comes of a coroutine that has a deadline of its own, or what `go_on` raises meanwhile."""
        asking = asyncio.run_coroutine_threadsafe(waiting, self._loop)
        try:
            if go_on is nothing:
                return asking.result()
            while True:
                go_on()
                try:
                    return asking.result(LOOK_SECONDS)
                except TimeoutError:
                    if asking.done():
                        raise
        finally:
            asking.cancel()

    def start(self, ending: Coroutine[Any, Any, None]) -> None:
        """Nobody waits for it."""
        under_way = [each for each in self._endings if not each.done()]
        self._endings = [*under_way, asyncio.run_coroutine_threadsafe(ending, self._loop)]

    def close(self) -> None:
        """What is ending may end; everything else that is under way is given up."""
        wait(self._endings, END_SECONDS)
        asyncio.run_coroutine_threadsafe(_cancelled(), self._loop).result(END_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(END_SECONDS)


async def _cancelled() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
