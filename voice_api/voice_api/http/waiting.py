"""Waiting for an answer: for as long as the caller is there, and no longer than a request may take."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from starlette.requests import Request

from voice_api.errors import VoiceApiError
from voice_api.http.bodies import client_gone

Result = TypeVar("Result")


async def while_wanted(request: Request, seconds: float, work: Awaitable[Result]) -> Result:
    """The work's result, unless the deadline passes (504) or the client goes away (499) before.

    For use once the request's body has been read: from then on all that can arrive is the end.
    """
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_gone(request.receive))
    try:
        await asyncio.wait({working, leaving}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        if leaving.done():
            raise client_gone()
        raise too_late(seconds)
    finally:
        for task in (working, leaving):
            task.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


async def before(deadline: float, begin: Callable[[], Awaitable[Result]]) -> Result:
    """The result of what is begun, where it need not be waited for or comes before that time of the loop."""
    async with asyncio.timeout_at(deadline):
        return await begin()


def too_late(seconds: float) -> VoiceApiError:
    message = f"the answer was not ready within {seconds:g} seconds"
    return VoiceApiError("deadline_exceeded", message, "send a shorter recording or try again later", 504)


async def _gone(receive: Callable[[], Awaitable[Any]]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
