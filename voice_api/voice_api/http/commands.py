"""POST /v1/commands: a command as text or as sound in, the reply as text and as sound out."""

import base64
import time
from dataclasses import dataclass
from uuid import uuid4

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from voice_api.audio.encoding import MEDIA_TYPES, AudioFormat, encode_whole
from voice_api.commands.conversation.turn import Turn
from voice_api.engines.choice import Answered
from voice_api.errors import VoiceApiError
from voice_api.http import turns
from voice_api.http.allowances import answer_headers
from voice_api.http.answering import intent_of, lasting, reply_to
from voice_api.http.bodies import is_form, media_type
from voice_api.http.json_bodies import MAX_JSON_BYTES, StrictBody, read_json
from voice_api.http.listening import HEARD_HERE, Heard
from voice_api.http.service import Service
from voice_api.http.speaking import SPOKEN_HERE, Words, speak
from voice_api.http.speech import check_length, check_voice
from voice_api.http.transcription_wish import language, required_file, unsupported
from voice_api.http.waiting import while_wanted
from voice_api.http.wishes import Wished, emotions_of, members_of, wished
from voice_api.settings import SWITCH

SOUND_FIELDS = frozenset({"speak", "response_format", "voice", "language"}) | turns.FIELDS


class CommandRequest(StrictBody):
    """The JSON body."""

    text: str
    speak: bool = False
    response_format: AudioFormat = "wav"
    voice: str | None = None
    session: str | None = None
    confirm: str | None = None


@dataclass(frozen=True, slots=True)
class Command:
    """One command however it came: either text or sound is there."""

    text: str | None
    sound: bytes | None
    language: str | None
    speak: bool
    response_format: AudioFormat
    voice: str | None
    place: turns.Place


def command_routes(service: Service) -> APIRouter:
    router = APIRouter()

    @router.post("/v1/commands")
    async def commands(request: Request) -> Response:
        asked = wished(service.elsewhere, request.headers)
        command = await _read(service, request)
        identifier = f"cmd_{uuid4().hex}"
        spoken = command.sound is not None
        turn = turns.turn_of(service, request, command.place, identifier, spoken=spoken)
        work = _answer(service, command, asked, turn)
        content, answered = await while_wanted(request, service.settings.request_seconds, work)
        return JSONResponse(content, headers=await answer_headers(service.elsewhere, asked, answered))

    return router


async def _read(service: Service, request: Request) -> Command:
    kind = media_type(request)
    if is_form(request):
        service.refuse_overload()
        form = await service.uploads.form(request)
        return _sound_command(service, required_file(form), dict(form.texts))
    if kind.startswith("audio/") or kind == "application/ogg":
        service.refuse_overload()
        return _sound_command(service, await service.uploads.body(request), dict(request.query_params))
    if kind == "application/json":
        return _text_command(service, await service.uploads.body(request, MAX_JSON_BYTES))
    fix = "send application/json with a text, multipart/form-data with a file, or audio/*"
    raise VoiceApiError(
        "unsupported_media_type", f"{kind[:64] or 'no content type'} is not read here", fix, 415
    )


def _text_command(service: Service, body: bytes) -> Command:
    wish = read_json(CommandRequest, body)
    check_length(service, wish.text, "text")
    check_voice(service, wish.voice)
    place = turns.place_of({"session": wish.session, "confirm": wish.confirm})
    return Command(wish.text, None, None, wish.speak, wish.response_format, wish.voice, place)


def _sound_command(service: Service, sound: bytes, texts: dict[str, str]) -> Command:
    for name in texts.keys() - SOUND_FIELDS:
        fix = f"known: {', '.join(sorted(SOUND_FIELDS))}"
        raise VoiceApiError("unknown_parameter", f"there is no parameter {name[:64]!r}", fix, param=name)
    speak = texts.get("speak", "false").lower()
    if speak not in SWITCH:
        raise unsupported("speak", speak, ("true", "false"))
    check_voice(service, texts.get("voice"))
    return Command(
        text=None,
        sound=sound,
        language=language(texts.get("language")),
        speak=SWITCH[speak],
        response_format=_format(texts.get("response_format", "wav")),
        voice=texts.get("voice"),
        place=turns.place_of(texts),
    )


def _format(name: str) -> AudioFormat:
    for known in MEDIA_TYPES:
        if name == known:
            return known
    raise unsupported("response_format", name, tuple(MEDIA_TYPES))


async def _answer(
    service: Service, command: Command, asked: Wished, turn: Turn
) -> tuple[dict[str, object], Answered]:
    started = time.perf_counter()
    heard = None
    if command.sound is not None:
        options = service.with_live_names(service.command_options(command.language))
        listening = service.listening.file(command.sound, options, wished=asked)
        heard = await lasting(service, await listening)
    text = heard.transcript.text.strip() if heard else command.text or ""
    reply = await (reply_to(service, heard, turn) if heard else service.act(text, turn))
    audio, speak_ms = await _spoken(service, command, reply.reply, asked)
    timings = {**(heard.timings_ms if heard else {}), **reply.timings_ms, **speak_ms}
    timings["total"] = (time.perf_counter() - started) * 1000
    answered = heard.answered if heard else HEARD_HERE
    content = {
        "id": turn.command,
        "object": "voice.command",
        "status": reply.status,
        "session": turn.session or None,
        "heard": _heard(heard) if heard else None,
        "text": text,
        "intent": intent_of(reply),
        "reply": reply.reply,
        "data": dict(reply.data),
        **members_of(answered),
        "timings_ms": {stage: round(milliseconds, 3) for stage, milliseconds in timings.items()},
        "audio": audio,
    }
    return content, answered


async def _spoken(
    service: Service, command: Command, text: str, asked: Wished
) -> tuple[dict[str, object] | None, dict[str, float]]:
    """The reply's sound for the JSON answer, and its time; neither when none is wanted."""
    if not command.speak:
        return None, {}
    told = [SPOKEN_HERE]
    started = time.perf_counter()
    sound = await speak(
        service,
        Words(text, command.voice),
        asked.gently,
        lambda spoken: encode_whole(spoken.pieces, spoken.sample_rate, command.response_format),
        told.append,
    )
    content = base64.b64encode(sound).decode("ascii")
    milliseconds = (time.perf_counter() - started) * 1000
    audio = {"format": command.response_format, "content": content, **members_of(told[-1])}
    return audio, {"speak": milliseconds}


def _heard(heard: Heard) -> dict[str, object]:
    transcript = heard.transcript
    return {
        "text": transcript.text,
        "confidence": transcript.confidence,
        "doubtful": transcript.doubtful,
        "duration_seconds": round(transcript.duration_seconds, 3),
        "language": transcript.language,
        "without_names": transcript.first.text if transcript.first else None,
        **emotions_of(transcript),
    }
