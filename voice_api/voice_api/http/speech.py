"""POST /v1/audio/speech: text in, sound out while it is made, in OpenAI's schema."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import Field, StringConstraints
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from voice_api.audio.encoding import MEDIA_TYPES, AudioFormat, encode_stream
from voice_api.engines.speaking import Spoken
from voice_api.errors import VoiceApiError
from voice_api.http.allowances import answer_headers
from voice_api.http.json_bodies import MAX_JSON_BYTES, StrictBody, read_json
from voice_api.http.models import check_speaker
from voice_api.http.replies import AnswerCutOffError
from voice_api.http.service import Service
from voice_api.http.speaking import ENDED, SPOKEN_HERE, Words, spoken
from voice_api.http.waiting import while_wanted
from voice_api.http.wishes import wished


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
        told = [SPOKEN_HERE]
        words = Words(wish.input, wish.voice_id, wish.speed)
        encode = partial(_encoded, wish.response_format)
        chunks = spoken(service, words, asked, encode, told.append)
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


def _encoded(form: AudioFormat, sound: Spoken) -> Iterator[bytes]:
    return encode_stream(sound.pieces, sound.sample_rate, form)


async def _from(first: bytes, rest: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(rest):
        yield first
        try:
            async for chunk in rest:
                yield chunk
        except VoiceApiError as error:
            raise AnswerCutOffError(error.message) from error
