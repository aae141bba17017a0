"""GET /v1/models: which model listens and which speaks, and the names they answer to."""

from typing import Protocol

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from voice_api.errors import VoiceApiError
from voice_api.http.engines import Engines
from voice_api.http.service import Service
from voice_api.speech.protocol import Listener

LISTENER_ALIASES = frozenset({"whisper-1", "gpt-4o-mini-transcribe"})
SPEAKER_ALIASES = frozenset({"tts-1", "tts-1-hd", "gpt-4o-mini-tts"})
CONVERSER_ALIASES = frozenset({"gpt-realtime", "gpt-realtime-mini"})
"""Names that OpenAI's examples carry; they mean whatever is loaded here."""


class Listens(Protocol):
    """Whatever has a model that listens."""

    @property
    def listener(self) -> Listener: ...


def check_listener(here: Listens, name: str | None) -> None:
    """Refuse a model that does not listen here; VoiceApiError 404 as OpenAI answers."""
    _check(name, here.listener.name, LISTENER_ALIASES)


def check_speaker(engines: Engines, name: str | None) -> None:
    """Refuse a model that does not speak here."""
    _check(name, engines.speaker.name, SPEAKER_ALIASES)


def check_converser(engines: Engines, name: str | None) -> None:
    """Refuse a model that nobody converses with here."""
    _check(name, engines.listener.name, CONVERSER_ALIASES | LISTENER_ALIASES)


def _check(name: str | None, loaded: str, aliases: frozenset[str]) -> None:
    if name is None or name == loaded or name in aliases:
        return
    known = ", ".join([loaded, *sorted(aliases)])
    raise VoiceApiError(
        "model_not_found", f"there is no model {name[:64]!r} here", f"use one of: {known}", 404, param="model"
    )


def model_routes(service: Service) -> APIRouter:
    router = APIRouter()
    engines = service.engines
    names = {engines.listener.name: "listener", engines.speaker.name: "speaker"}

    @router.get("/v1/models")
    async def models() -> Response:
        return JSONResponse({"object": "list", "data": [_model(name, kind) for name, kind in names.items()]})

    @router.get("/v1/models/{name:path}")
    async def model(name: str) -> Response:
        if name in names:
            return JSONResponse(_model(name, names[name]))
        if name in LISTENER_ALIASES | SPEAKER_ALIASES:
            return JSONResponse(_model(name, "listener" if name in LISTENER_ALIASES else "speaker"))
        raise VoiceApiError(
            "model_not_found", f"there is no model {name[:64]!r} here", "see GET /v1/models", 404
        )

    return router


def _model(name: str, kind: str) -> dict[str, object]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "kvx", "kind": kind}
