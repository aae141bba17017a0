"""What ends a session from within: the first error of any of its tasks."""

import asyncio
from typing import Any


class Breaking:
    """`future` has the error once there is one."""

    def __init__(self) -> None:
        self.future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.future.add_done_callback(_seen)

    def watch(self, task: "asyncio.Task[Any]") -> None:
        """An error in it ends the session."""
        task.add_done_callback(self._notice)

    def by(self, error: BaseException) -> None:
        if not self.future.done():
            self.future.set_exception(error)

    def _notice(self, task: "asyncio.Task[Any]") -> None:
        if not task.cancelled() and (error := task.exception()):
            self.by(error)


def _seen(future: "asyncio.Future[None]") -> None:
    """What breaks a session that has ended already needs nobody to hear of it."""
    if not future.cancelled():
        future.exception()
