"""POST /v1/audio/transcriptions: a sound file in, its words out, in OpenAI's schema."""

import re
from dataclasses import dataclass
from typing import cast, get_args

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from voice_api.errors import VoiceApiError
from voice_api.http.bodies import MULTIPART, Form, is_form
from voice_api.http.models import check_listener
from voice_api.http.service import Service, while_wanted
from voice_api.http.transcripts import TranscriptFormat, transcript_response
from voice_api.speech.protocol import TranscribeOptions

KNOWN = frozenset(
    {"model", "language", "prompt", "response_format", "temperature", "timestamp_granularities[]",
     "timestamp_granularities", "stream", "chunking_strategy"}
)  # fmt: skip
FORMATS: tuple[str, ...] = get_args(TranscriptFormat)
LANGUAGE = re.compile(r"[a-z]{2,3}")
MAX_PROMPT_CHARACTERS = 4_000


@dataclass(frozen=True, slots=True)
class Wish:
    """What the caller asked for, checked."""

    model: str | None
    form: TranscriptFormat
    options: TranscribeOptions


def transcription_routes(service: Service) -> APIRouter:
    router = APIRouter()

    @router.post("/v1/audio/transcriptions")
    async def transcriptions(request: Request) -> Response:
        service.refuse_overload()
        if not is_form(request):
            raise VoiceApiError("bad_form", "the request is no form", f"send it as {MULTIPART}", 415)
        form = await service.uploads.form(request)
        wish = read_wish(form)
        check_listener(service.engines, wish.model)
        work = service.listen(required_file(form), wish.options)
        heard = await while_wanted(request, service.settings.request_seconds, work)
        return transcript_response(heard.transcript, wish.form, wish.options.task, wish.options.temperature)

    return router


def required_file(form: Form) -> bytes:
    if form.file is None:
        raise VoiceApiError(
            "missing_file", "the form holds no file", "add the sound as field `file`", param="file"
        )
    return form.file


def read_wish(form: Form) -> Wish:
    """The form's fields; VoiceApiError 400 with `param` for what is unknown or not possible."""
    for name, _ in form.texts:
        if name not in KNOWN:
            raise VoiceApiError(
                "unknown_parameter",
                f"there is no parameter {name[:64]!r}",
                f"known: {', '.join(sorted(KNOWN))}",
                param=name,
            )
    chosen = form.text("response_format") or "json"
    if chosen not in FORMATS:
        raise unsupported("response_format", chosen, FORMATS)
    _only(form, "stream", ("false",))
    _only(form, "chunking_strategy", ("auto",))
    _check_granularities(form, chosen)
    options = TranscribeOptions(
        language=language(form.text("language")),
        timestamps=chosen in ("verbose_json", "srt", "vtt"),
        prompt=_prompt(form.text("prompt")),
        temperature=_temperature(form.text("temperature")),
    )
    return Wish(form.text("model"), cast(TranscriptFormat, chosen), options)


def unsupported(param: str, value: str, possible: tuple[str, ...]) -> VoiceApiError:
    message = f"{param} cannot be {value[:64]!r}"
    return VoiceApiError("unsupported_value", message, f"use one of: {', '.join(possible)}", param=param)


def language(value: str | None) -> str | None:
    """An ISO 639 code in lower case; None when none is given."""
    if not value:
        return None
    if not LANGUAGE.fullmatch(value.lower()):
        message = f"language cannot be {value[:64]!r}"
        raise VoiceApiError("unsupported_value", message, "give a code such as en", param="language")
    return value.lower()


def _only(form: Form, param: str, possible: tuple[str, ...]) -> None:
    value = form.text(param)
    if value and value.lower() not in possible:
        raise unsupported(param, value, possible)


def _check_granularities(form: Form, chosen: str) -> None:
    for name, value in form.texts:
        if not name.startswith("timestamp_granularities"):
            continue
        if value != "segment":
            raise unsupported("timestamp_granularities", value, ("segment",))
        if chosen != "verbose_json":
            message = f"timestamps are not part of {chosen}"
            raise VoiceApiError(
                "unsupported_value", message, "ask for verbose_json", param="timestamp_granularities"
            )


def _prompt(value: str | None) -> str | None:
    if value and len(value) > MAX_PROMPT_CHARACTERS:
        message = f"the prompt is longer than {MAX_PROMPT_CHARACTERS} characters"
        raise VoiceApiError("text_too_long", message, "keep the words that matter", param="prompt")
    return value or None


def _temperature(value: str | None) -> float:
    try:
        number = float(value or 0)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 1:
        message = f"temperature cannot be {str(value)[:64]!r}"
        raise VoiceApiError("unsupported_value", message, "give a number from 0 to 1", param="temperature")
    return number
