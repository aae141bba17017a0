"""POST /v1/audio/speech: text in, sound out while it is made, in OpenAI's schema."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import Field, StringConstraints
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from voice_api.audio import MEDIA_TYPES, AudioFormat, encode_stream
from voice_api.engines.choice import Answered
from voice_api.engines.engine import LOCAL, Engine
from voice_api.engines.speaking import Spoken
from voice_api.errors import VoiceApiError
from voice_api.http.allowances import answer_headers
from voice_api.http.json_bodies import MAX_JSON_BYTES, StrictBody, read_json
from voice_api.http.models import check_speaker
from voice_api.http.replies import AnswerCutOffError
from voice_api.http.service import Service
from voice_api.http.tickets import Ticket
from voice_api.http.waiting import too_late, while_wanted
from voice_api.http.wishes import Wished, wished

ENDED = b""
Tell = Callable[[Answered], None]


class NamedVoice(StrictBody):
    """OpenAI's other way to name a voice."""

    id: str


class SpeechRequest(StrictBody):
    """The body; `mp3` is OpenAI's default and comes in one piece, the others while they are made."""

    model: str
    input: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
    voice: str | NamedVoice | None = None
    response_format: AudioFormat = "mp3"
    speed: Annotated[float, Field(ge=0.25, le=4.0)] = 1.0
    stream_format: Literal["audio"] = "audio"

    @property
    def voice_id(self) -> str | None:
        return self.voice.id if isinstance(self.voice, NamedVoice) else self.voice


def speech_routes(service: Service) -> APIRouter:
    router = APIRouter()

    @router.post("/v1/audio/speech")
    async def speech(request: Request) -> Response:
        service.lanes.speaking.refuse_if_full()
        service.refuse_low_memory()
        asked = wished(service.elsewhere, request.headers)
        wish = read_json(SpeechRequest, await service.uploads.body(request, MAX_JSON_BYTES))
        check_speaker(service.engines, wish.model)
        check_length(service, wish.input, "input")
        check_voice(service, wish.voice_id)
        told = [Answered(LOCAL, wished=LOCAL)]
        chunks = spoken_chunks(service, wish, asked, told.append)
        first = await while_wanted(request, service.settings.request_seconds, anext(chunks, ENDED))
        headers = await answer_headers(service.elsewhere, asked, told[-1])
        media_type = MEDIA_TYPES[wish.response_format]
        return StreamingResponse(_from(first, chunks), headers=headers, media_type=media_type)

    return router


def check_length(service: Service, text: str, param: str) -> None:
    most = service.settings.max_text_characters
    if len(text) > most:
        message = f"{param} is longer than {most} characters"
        raise VoiceApiError("text_too_long", message, "send it in shorter pieces", param=param)


def check_voice(service: Service, voice: str | None) -> None:
    """VoiceApiError 400 for a voice the speaker does not have, before anything else is done."""
    service.engines.speaker.speak("", voice or None, 1.0)


async def spoken_chunks(
    service: Service, wish: SpeechRequest, asked: Wished, tell: Tell
) -> AsyncGenerator[bytes, None]:
    """The file piece by piece; the model's thread never waits for whoever reads it.

    What is made and not yet read is bounded by the length of the text. `tell` is told who speaks before
    the first piece is there.
    """
    loop = asyncio.get_running_loop()
    made: asyncio.Queue[bytes] = asyncio.Queue()

    def encode(spoken: Spoken) -> None:
        for chunk in encode_stream(spoken.pieces, spoken.sample_rate, wish.response_format):
            if chunk:
                loop.call_soon_threadsafe(made.put_nowait, chunk)

    speaking = asyncio.ensure_future(_speak(service, wish, asked, encode, tell))
    speaking.add_done_callback(lambda _: made.put_nowait(ENDED))
    deadline = loop.time() + service.settings.request_seconds
    try:
        while chunk := await asyncio.wait_for(made.get(), deadline - loop.time()):
            yield chunk
        await speaking
    except TimeoutError:
        raise too_late(service.settings.request_seconds) from None
    finally:
        speaking.cancel()


async def _speak(
    service: Service, wish: SpeechRequest, asked: Wished, encode: Callable[[Spoken], None], tell: Tell
) -> None:
    """In the lane of whoever speaks; whom no lane elsewhere has a place for is spoken to here."""
    speaker = service.engines.speaker

    def here(ticket: Ticket) -> None:
        encode(Spoken(speaker.sample_rate, service.spoken(wish.input, wish.voice_id, wish.speed, ticket)))

    def there(ticket: Ticket) -> None:
        speaking = service.elsewhere.speaking(
            Engine(LOCAL, speaker=speaker, leaves_machine=False), asked.only
        )
        spoken, answered = speaking.speak(
            wish.input, wish.voice_id or service.settings.voice or None, wish.speed, asked.wish
        )
        tell(answered)
        service.figures.answered_by("speak", answered.wished, answered.engine, answered.reason)
        encode(replace(spoken, pieces=service.counted(spoken.pieces, spoken.sample_rate, ticket)))

    if not asked.at_home:
        try:
            await service.lanes.elsewhere.run(there)
        except VoiceApiError as error:
            if error.code != "queue_full" or asked.wish.insists:
                raise
            tell(Answered(LOCAL, degraded=True, reason="busy"))
        else:
            return
    await service.speak(here, wish.input)


async def _from(first: bytes, rest: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(rest):
        yield first
        try:
            async for chunk in rest:
                yield chunk
        except VoiceApiError as error:
            raise AnswerCutOffError(error.message) from error
