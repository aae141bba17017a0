"""GET /health: the process lives; GET /ready: it can answer now."""

import logging
import os
import time

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from voice_api.errors import VoiceApiError
from voice_api.http.lane import Lane
from voice_api.http.readiness import SENTENCES
from voice_api.http.service import Service
from voice_api.speech.processor import processor
from voice_api.speech.threads import ThreadLimit, thread_limit
from voice_api.version import VERSION

log = logging.getLogger("voice_api.health")
RETRY_SECONDS = "2"


def health_routes(service: Service) -> APIRouter:
    router = APIRouter()
    machine = _machine(service.settings.threads)

    @router.get("/health")
    async def health() -> Response:
        return JSONResponse(_report(service) | machine)

    @router.get("/ready")
    async def ready() -> Response:
        obstacle = service.readiness.obstacle
        if obstacle == "decode_failed" and service.lanes.hearing_seconds == 0:
            await _try_again(service)
            obstacle = service.readiness.obstacle
        if obstacle is None:
            return JSONResponse({"status": "ready"})
        refusal = {"status": "not_ready", "reason": obstacle, "message": SENTENCES[obstacle]}
        return JSONResponse(refusal, 503, {"Retry-After": RETRY_SECONDS})

    return router


async def _try_again(service: Service) -> None:
    """Listen once more after a failure: without requests nothing else would."""
    try:
        await service.prove()
    except VoiceApiError as error:
        log.info("the model could not be tried again", extra={"code": error.code})
    except Exception:  # how the model fails is not the caller's matter: that it does is the answer
        log.exception("the model failed again")


def _report(service: Service) -> dict[str, object]:
    engines, memory = service.engines, service.readiness.memory
    return {
        "status": "alive",
        "version": VERSION,
        "pid": os.getpid(),
        "uptime_seconds": round(time.monotonic() - service.started, 1),
        "ready": service.readiness.obstacle is None,
        "engine": {"listener": engines.listener.name, "speaker": engines.speaker.name},
        "model": {"precision": engines.model.precision, "attention": engines.model.attention},
        "cluster": {"name": engines.cluster.name, "demo": engines.cluster.demo},
        "memory": {"resident_bytes": memory.resident(), "limit_bytes": memory.limit_bytes},
        "requests": {"answered": service.figures.answered_total, "waiting": service.lanes.waiting},
        "queue": {name: _lane(lane) for name, lane in service.lanes.named.items()},
    }


def _lane(lane: Lane) -> dict[str, object]:
    """Seconds are of sound; in the lane of questions they are questions."""
    return {
        "waiting": lane.waiting,
        "seconds": round(lane.amount, 1),
        "seconds_heard_per_second": round(lane.rate.per_second, 2),
    }


def _machine(threads: int) -> dict[str, object]:
    """What cannot change while the process lives; threads is the setting, 0 for the machine's own."""
    about, limit = processor(), chosen_threads(threads)
    return {
        "cpu": {
            "machine": about.machine,
            "features": list(about.features),
            "int8_kernel": about.int8_kernel,
            "half_kernel": about.half_kernel,
            "missing": list(about.missing),
        },
        "threads": {"count": limit.count, "from": limit.source},
    }


def chosen_threads(setting: int) -> ThreadLimit:
    """Threads of the model: the setting where it is not 0."""
    return ThreadLimit(setting, "the setting threads") if setting else thread_limit()
