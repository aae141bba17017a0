"""POST /v1/audio/transcriptions: a sound file in, its words out, in OpenAI's schema."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from voice_api.errors import VoiceApiError
from voice_api.http.allowances import answer_headers
from voice_api.http.bodies import MULTIPART, is_form
from voice_api.http.models import check_listener
from voice_api.http.preferences import prefers_later
from voice_api.http.relay import passed_on
from voice_api.http.service import Service
from voice_api.http.transcript_events import EVENT_STREAM, after, transcript_events
from voice_api.http.transcription_wish import read_wish, required_file
from voice_api.http.transcripts import transcript_response
from voice_api.http.waiting import while_wanted
from voice_api.http.wishes import wished

ROUTE = "/v1/audio/transcriptions"


def transcription_routes(service: Service) -> APIRouter:
    router = APIRouter()

    @router.post(ROUTE)
    async def transcriptions(request: Request) -> Response:
        if service.processor and prefers_later(request):
            return await passed_on(request, ROUTE, service.processor, service.uploads)
        service.refuse_overload()
        if not is_form(request):
            raise VoiceApiError("bad_form", "the request is no form", f"send it as {MULTIPART}", 415)
        form = await service.uploads.form(request)
        wish = read_wish(form, service.settings.beams)
        asked = wished(service.elsewhere, request.headers)
        check_listener(service.engines, wish.model)
        sound = required_file(form)
        seconds = service.settings.request_seconds
        if wish.stream:
            events = transcript_events(service, sound, wish.options, asked)
            first = await while_wanted(request, seconds, anext(events))
            return StreamingResponse(after(first, events), media_type=EVENT_STREAM)
        listening = service.listening.file(sound, wish.options, wished=asked)
        heard = await while_wanted(request, seconds, listening)
        response = transcript_response(heard.transcript, wish, heard.answered)
        response.headers.update(await answer_headers(service.elsewhere, asked, heard.answered))
        return response

    return router
