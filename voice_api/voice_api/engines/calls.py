"""HTTP calls to an engine that end in time: on a loop of their own, with connections that are kept."""

import asyncio
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import httpx

from voice_api.engines.failure import Failure

LOOK_SECONDS = 0.02
MOST_BYTES = 4_000_000
"""More is no transcript, however long the sound was."""

LONGEST_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Form:
    """A form to be sent; files are name, content and media type."""

    path: str
    fields: Mapping[str, str]
    files: Mapping[str, tuple[str, bytes, str]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whole."""

    status: int
    retry_after: str | None
    body: bytes


class Calls:
    """Calls to one address. No proxy, no .netrc, no redirect: the key goes nowhere else."""

    def __init__(self, address: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="engine-calls", daemon=True)
        self._thread.start()
        self._client = httpx.AsyncClient(
            base_url=address,
            timeout=LONGEST_SECONDS,
            trust_env=False,
            headers={"Accept-Encoding": "identity"},
        )

    def post(self, form: Form, key: str, seconds: float, go_on: Callable[[], None]) -> Answer | Failure:
        """Send a form; an answer or a failure after `seconds` at the latest, or what `go_on` raises."""
        asking = asyncio.run_coroutine_threadsafe(self._post(form, key, seconds), self._loop)
        try:
            while True:
                go_on()
                try:
                    return asking.result(LOOK_SECONDS)
                except TimeoutError:
                    continue
        finally:
            asking.cancel()

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._client.aclose(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    async def _post(self, form: Form, key: str, seconds: float) -> Answer | Failure:
        """Failures are values: an exception of httpx knows the request, and the request the key."""
        headers = {"Authorization": f"Bearer {key}"}
        sending = self._client.stream("POST", form.path, headers=headers, data=form.fields, files=form.files)
        try:
            async with asyncio.timeout(seconds), sending as response:
                body = await _whole(response)
        except TimeoutError:
            return Failure("too_late", spent=True)
        except httpx.ConnectError:
            return Failure("unreachable", spent=False)
        except httpx.HTTPError:
            return Failure("closed", spent=True)
        if body is None:
            return Failure("failed", spent=True)
        return Answer(response.status_code, response.headers.get("Retry-After"), body)


async def _whole(response: httpx.Response) -> bytes | None:
    """The body as it was sent; None when it is too long."""
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > MOST_BYTES:
            return None
    return bytes(body)
