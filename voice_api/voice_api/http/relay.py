"""The way from a voice API to its processor: requests are passed on as they arrive, and none is kept."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from httptools import HttpParserError, HttpResponseParser
from starlette.requests import Request
from starlette.responses import Response

from voice_api.errors import VoiceApiError
from voice_api.http.bodies import Uploads
from voice_api.http.relay_address import Address
from voice_api.logs import request_id

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 30.0
RETRY_SECONDS = 5
READ_BYTES = 65_536
MAX_ANSWER_BYTES = 32_000_000
"""Every word of a day with its times is 20 MB; what is larger is no answer of a processor."""

ASKED = frozenset({"content-type", "content-length", "prefer", "idempotency-key"})
ANSWERED = frozenset({"content-type", "location", "preference-applied", "retry-after"})


@dataclass(slots=True)
class _Answer:
    """What httptools tells of an answer, as it comes; an error raised here ends the reading of it."""

    headers: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)
    complete: bool = False

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, piece: bytes) -> None:
        if len(self.body) + len(piece) > MAX_ANSWER_BYTES:
            raise ValueError
        self.body += piece

    def on_message_complete(self) -> None:
        self.complete = True


async def passed_on(request: Request, path: str, to: Address, uploads: Uploads) -> Response:
    """The processor's answer to a request with its body, which at no time is in memory as a whole.

    VoiceApiError 503 where the processor does not answer; 408, 413 and 499 for a body that does not arrive.
    """
    async with _connected(to) as (reader, writer):
        writer.write(_head(request, path, to, ASKED))
        chunked = "content-length" not in request.headers
        answering = asyncio.ensure_future(_answer(reader))
        sending = asyncio.ensure_future(_send(writer, request, uploads, chunked))
        try:
            await asyncio.wait({sending, answering}, return_when=asyncio.FIRST_COMPLETED)
            if not answering.done():  # a refusal waits for no body
                sending.result()
            return await _in_time(answering)
        finally:
            for task in (sending, answering):
                task.cancel()
            await asyncio.gather(sending, answering, return_exceptions=True)


async def asked(request: Request, path: str, to: Address) -> Response:
    """The processor's answer to a request without a body; VoiceApiError 503 where there is none."""
    async with _connected(to) as (reader, writer):
        writer.write(_head(request, path, to, frozenset()))
        return await _in_time(asyncio.ensure_future(_answer(reader)))


@asynccontextmanager
async def _connected(to: Address) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            reader, writer = await asyncio.open_connection(to.host, to.port)
    except OSError as error:  # a TimeoutError is one
        raise _unreachable(type(error).__name__) from None
    try:
        yield reader, writer
    finally:
        writer.close()


def _head(request: Request, path: str, to: Address, passed: frozenset[str]) -> bytes:
    lines = [f"{request.method} {path} HTTP/1.1", f"host: {to.host}:{to.port}", "connection: close"]
    lines.append(f"x-request-id: {request_id.get()}")
    lines += [f"{name}: {value}" for name, value in request.headers.items() if name in passed]
    if passed and "content-length" not in request.headers:
        lines.append("transfer-encoding: chunked")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


async def _send(writer: asyncio.StreamWriter, request: Request, uploads: Uploads, chunked: bool) -> None:
    """The body as it arrives; ends early where the processor takes no more, and says why in its answer."""
    async with uploads.pieces(request) as pieces:
        try:
            async for piece in pieces:
                if piece:
                    writer.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
                    await writer.drain()
            if chunked:
                writer.write(b"0\r\n\r\n")
                await writer.drain()
        except OSError:
            return


async def _in_time(answering: "asyncio.Future[Response]") -> Response:
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await answering
    except TimeoutError:
        raise _unreachable(f"not within {ANSWER_SECONDS:g} seconds") from None


async def _answer(reader: asyncio.StreamReader) -> Response:
    answer = _Answer()
    parser = HttpResponseParser(answer)
    try:
        while not answer.complete:
            data = await reader.read(READ_BYTES)
            if not data:
                raise _unreachable("it ended before its answer")
            parser.feed_data(data)
    except OSError as error:
        raise _unreachable(type(error).__name__) from None
    except HttpParserError:
        raise _unreachable("its answer cannot be read") from None
    headers = {name: value for name, value in answer.headers.items() if name in ANSWERED}
    return Response(bytes(answer.body), parser.get_status_code(), headers)


def _unreachable(why: str) -> VoiceApiError:
    message = f"the voice processor does not answer ({why})"
    fix = f"try again in {RETRY_SECONDS} seconds; with an Idempotency-Key nothing is heard twice"
    return VoiceApiError("processor_unreachable", message, fix, 503, retry_after_seconds=RETRY_SECONDS)
