"""POST /mcp: the Model Context Protocol over HTTP, one message and one reply; nothing is changed by it."""

from collections.abc import Mapping
from dataclasses import dataclass

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from voice_api.commands.conversation.turn import Turn
from voice_api.commands.core import Reply
from voice_api.commands.registry.declaring import Function
from voice_api.errors import VoiceApiError
from voice_api.figures import Figures
from voice_api.http.engines import Answerer
from voice_api.http.json_bodies import MAX_JSON_BYTES
from voice_api.http.service import Service
from voice_api.mcp.session import VERSIONS, Session
from voice_api.version import VERSION


@dataclass(frozen=True, slots=True)
class Counted:
    """The commands, of which the figures tell."""

    commands: Answerer
    figures: Figures

    @property
    def functions(self) -> Mapping[str, Function]:
        return self.commands.functions

    def call(self, name: str, arguments: Mapping[str, object], turn: Turn) -> Reply:
        return self._told(self.commands.call(name, arguments, turn))

    def settled(self, text: str, turn: Turn) -> Reply:
        return self._told(self.commands.settled(text, turn))

    def _told(self, reply: Reply) -> Reply:
        self.figures.stages(reply.timings_ms)
        self.figures.commands.labels(reply.status, reply.intent.name if reply.intent else "none").inc()
        return reply


def mcp_routes(service: Service) -> APIRouter:
    """A client that shall change something needs `voice-api mcp`: here nobody can be asked back."""
    router = APIRouter()

    @router.post("/mcp")
    async def message(request: Request) -> Response:
        _refuse_odd(request)
        user = service.engines.users.speaker_of(request.headers.get("authorization"))
        body = await service.uploads.body(request, MAX_JSON_BYTES)
        session = Session(Counted(service.engines.commands, service.figures), user, VERSION)
        replies = await service.lanes.acting.run(lambda _: session.heard(body))
        return JSONResponse(replies[0]) if replies else Response(status_code=202)

    return router


def _refuse_odd(request: Request) -> None:
    """A page in a browser is no client; nor is one that speaks another version of the protocol."""
    if "origin" in request.headers:
        fix = "ask from a program, not from a page in a browser"
        raise VoiceApiError("origin_refused", "requests of web pages are refused here", fix, 403)
    wanted = request.headers.get("mcp-protocol-version")
    if wanted is not None and wanted not in VERSIONS:
        message = f"version {wanted[:32]!r} of the protocol is not spoken here"
        raise VoiceApiError("unsupported_value", message, f"speak one of: {', '.join(VERSIONS)}")
