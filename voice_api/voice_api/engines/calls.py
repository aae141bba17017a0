"""HTTP calls to an engine that end in time, with connections that are kept."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from voice_api.engines.failure import Failure
from voice_api.engines.loop import Loop, nothing

MOST_BYTES = 4_000_000
"""More is no transcript and no sentence, however long the sound was."""

LONGEST_SECONDS = 60.0
Headers = Callable[[str], Mapping[str, str]]
"""The headers that carry a key."""


@dataclass(frozen=True, slots=True)
class Form:
    """A form to be sent; files are name, content and media type."""

    path: str
    fields: Mapping[str, str]
    files: Mapping[str, tuple[str, bytes, str]]

    @property
    def content(self) -> Mapping[str, Any]:
        return {"data": self.fields, "files": self.files}


@dataclass(frozen=True, slots=True)
class Letter:
    """An object to be sent as JSON."""

    path: str
    body: Mapping[str, object]
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def content(self) -> Mapping[str, Any]:
        return {"json": self.body, "params": self.parameters}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whole."""

    status: int
    retry_after: str | None
    body: bytes


def bearer(key: str) -> Mapping[str, str]:
    return {"Authorization": f"Bearer {key}"}


class Calls:
    """Calls to one address. No proxy, no .netrc, no redirect: the key goes nowhere else."""

    def __init__(self, address: str, headers: Headers = bearer) -> None:
        self._loop = Loop()
        self._headers = headers
        self._client = httpx.AsyncClient(
            base_url=address,
            timeout=LONGEST_SECONDS,
            trust_env=False,
            headers={"Accept-Encoding": "identity"},
        )

    def post(
        self, request: Form | Letter, key: str, seconds: float, go_on: Callable[[], None]
    ) -> Answer | Failure:
        """An answer or a failure after `seconds` at the latest, or what `go_on` raises."""
        asking = self._told("POST", request.path, key, seconds, request.content)
        return self._loop.result(asking, go_on)

    def get(
        self, path: str, key: str, seconds: float, go_on: Callable[[], None] = nothing
    ) -> Answer | Failure:
        """The same, for what is only looked at."""
        return self._loop.result(self._told("GET", path, key, seconds, {}), go_on)

    def close(self) -> None:
        self._loop.result(self._client.aclose())
        self._loop.close()

    async def _told(
        self, method: str, path: str, key: str, seconds: float, content: Mapping[str, Any]
    ) -> Answer | Failure:
        """Failures are values: an exception of httpx knows the request, and the request the key."""
        sending = self._client.stream(method, path, headers=dict(self._headers(key)), **content)
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
