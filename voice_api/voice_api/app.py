"""The HTTP application: which routes there are, and what surrounds them."""

import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from voice_api.errors import VoiceApiError
from voice_api.figures import Figures
from voice_api.http.commands import command_routes
from voice_api.http.frame import RequestFrame
from voice_api.http.health import health_routes
from voice_api.http.jobs import job_routes
from voice_api.http.mcp import mcp_routes
from voice_api.http.models import model_routes
from voice_api.http.pages import Pages
from voice_api.http.processing import Processor
from voice_api.http.processor_health import processor_health_routes
from voice_api.http.processor_routes import processor_routes
from voice_api.http.realtime import realtime_routes
from voice_api.http.replies import answer_routing, error_response
from voice_api.http.service import Service
from voice_api.http.speech import speech_routes
from voice_api.http.transcriptions import transcription_routes
from voice_api.http.usage import usage_routes
from voice_api.version import VERSION

log = logging.getLogger("voice_api.requests")


def build_app(service: Service) -> FastAPI:
    """The routes over one service, which is closed when the application ends."""
    every = (
        health_routes,
        transcription_routes,
        job_routes,
        speech_routes,
        model_routes,
        command_routes,
        realtime_routes,
        usage_routes,
        mcp_routes,
    )
    return framed(service.figures, service.close, [routes(service) for routes in every], service.origins)


def build_processor_app(processor: Processor) -> FastAPI:
    """The routes of a processor, which is closed when the application ends."""
    every = (processor_health_routes, processor_routes)
    return framed(processor.figures, processor.close, [routes(processor) for routes in every])


def framed(
    figures: Figures, close: Callable[[], None], every: Sequence[APIRouter], origins: Sequence[str] = ()
) -> FastAPI:
    """Routes, with what surrounds them: ids, figures, and the answers to what is expected to go wrong."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        close()

    async def answer_expected(_: Request, error: Exception) -> Response:
        if not isinstance(error, VoiceApiError):
            raise error
        figures.rejected.labels(error.code).inc()
        log.info("refused", extra={"code": error.code, "reason": error.message})
        return error_response(error)

    app = FastAPI(title="voice-api", version=VERSION, openapi_url=None, lifespan=lifespan)
    app.add_middleware(Pages, origins=origins, figures=figures)
    app.add_middleware(RequestFrame, figures=figures)
    app.add_exception_handler(VoiceApiError, answer_expected)
    app.add_exception_handler(HTTPException, answer_routing)
    for routes in every:
        app.include_router(routes)
    return app
