"""Gives work that has no deadline of its own one."""

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

Result = TypeVar("Result")


def within(seconds: float, work: Callable[[], Result]) -> Result:
    """What `work` returns or raises; TimeoutError after `seconds`, and then `work` is left to itself."""
    future: Future[Result] = Future()
    # A daemon, so that work that never ends does not keep the process from ending.
    Thread(target=_run, args=(work, future), daemon=True).start()
    return future.result(seconds)


def _run(work: Callable[[], Result], future: Future[Result]) -> None:
    try:
        future.set_result(work())
    except BaseException as error:  # noqa: BLE001  # raised again in the thread that waits
        future.set_exception(error)
