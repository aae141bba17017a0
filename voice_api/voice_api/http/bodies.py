"""Request bodies: read into memory under a limit of bytes and time, as bytes, JSON or a form."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from voice_api.errors import VoiceApiError

MAX_FIELDS = 540
"""A transcription may name 500 keywords, each in a field."""

MAX_FIELD_BYTES = 64_000
FORM_OVERHEAD_BYTES = 256_000
"""What fields and boundaries may add to the file in a form."""

MULTIPART = "multipart/form-data"


@dataclass(frozen=True, slots=True)
class Form:
    """The texts of a form by name, in their order, and its file."""

    texts: tuple[tuple[str, str], ...]
    file: bytes | None

    def text(self, name: str) -> str | None:
        """The last value given under the name, as HTML forms have it."""
        return next((value for key, value in reversed(self.texts) if key == name), None)


class Uploads:
    """Reads bodies and counts those that arrive now: slow or many uploads cannot fill the memory."""

    def __init__(self, most: int, seconds: float, max_body_bytes: int) -> None:
        self._most = most
        self._seconds = seconds
        self._max_body_bytes = max_body_bytes
        self._now = 0

    async def body(self, request: Request, max_bytes: int | None = None) -> bytes:
        """The whole body; VoiceApiError 413 as soon as it is known to be too large, 408 when too slow."""
        limit = self._max_body_bytes if max_bytes is None else min(max_bytes, self._max_body_bytes)
        with self._place():
            async with _arriving(self._seconds):
                return b"".join([piece async for piece in _limited(request, limit)])

    async def form(self, request: Request) -> Form:
        """A multipart form with at most one file; the same errors as `body`, and 400 bad_form."""
        with self._place(), _form_errors():
            async with _arriving(self._seconds):
                stream = _limited(request, self._max_body_bytes + FORM_OVERHEAD_BYTES)
                return await _parsed(request, stream, self._max_body_bytes)

    @asynccontextmanager
    async def pieces(self, request: Request) -> AsyncIterator[AsyncIterator[bytes]]:
        """The body piece by piece as it arrives, for whoever keeps none of it; the same errors as `body`."""
        with self._place():
            async with _arriving(self._seconds):
                yield _limited(request, self._max_body_bytes + FORM_OVERHEAD_BYTES)

    @contextmanager
    def _place(self) -> Iterator[None]:
        if self._now >= self._most:
            raise VoiceApiError(
                "too_many_uploads",
                f"{self._now} uploads are arriving at this moment",
                "try again in 2 seconds",
                429,
                retry_after_seconds=2,
            )
        self._now += 1
        try:
            yield
        finally:
            self._now -= 1


def is_form(request: Request) -> bool:
    return media_type(request) == MULTIPART


def media_type(request: Request) -> str:
    """The content type without its parameters, in lower case."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


class _InMemory(MultiPartParser):
    """Keeps the file in memory, where the limit holds it small: no disk is filled or left dirty."""

    spool_max_size = 1 << 40


@asynccontextmanager
async def _arriving(seconds: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        message = f"the request body did not arrive within {seconds:g} seconds"
        raise VoiceApiError("upload_too_slow", message, "send less, or on a faster line", 408) from None
    except ClientDisconnect:
        raise client_gone() from None


def client_gone() -> VoiceApiError:
    """Nobody reads the answer any more; 499 is what the log and the figures call that."""
    return VoiceApiError("client_gone", "the client went away", "keep the connection open", 499)


@contextmanager
def _form_errors() -> Iterator[None]:
    try:
        yield
    except MultiPartException as error:
        message = f"the form cannot be read: {error.message.rstrip('.')}"
        raise VoiceApiError("bad_form", message, "send one file as multipart/form-data") from None
    except (UnicodeDecodeError, LookupError):
        raise VoiceApiError("bad_form", "the form cannot be read", "send it as multipart/form-data") from None


async def _limited(request: Request, limit: int) -> AsyncGenerator[bytes, None]:
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise _too_large(limit)
    received = 0
    async for piece in request.stream():
        received += len(piece)
        if received > limit:
            raise _too_large(limit)
        yield piece


async def _parsed(request: Request, stream: AsyncGenerator[bytes, None], max_file_bytes: int) -> Form:
    parser = _InMemory(
        request.headers, stream, max_files=1, max_fields=MAX_FIELDS, max_part_size=MAX_FIELD_BYTES
    )
    items = (await parser.parse()).multi_items()
    texts = tuple((name, value) for name, value in items if isinstance(value, str))
    uploads = [(name, value) for name, value in items if isinstance(value, UploadFile)]
    for name, upload in uploads:
        if name != "file":
            raise VoiceApiError(
                "unknown_parameter", f"there is no file field {name}", "call it file", param=name
            )
        if (upload.size or 0) > max_file_bytes:
            raise _too_large(max_file_bytes)
    return Form(texts, uploads[0][1].file.read() if uploads else None)


def _too_large(limit: int) -> VoiceApiError:
    message = f"the request body is larger than {limit} bytes"
    return VoiceApiError("body_too_large", message, "send a shorter recording, or as flac or opus", 413)
