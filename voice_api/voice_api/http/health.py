"""GET /health: the process lives; GET /ready: it can answer now."""

import logging
import os
import platform
import time
from pathlib import Path

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from voice_api.errors import VoiceApiError
from voice_api.http.readiness import SENTENCES
from voice_api.http.service import Service
from voice_api.version import VERSION

log = logging.getLogger("voice_api.health")
INTERESTING = ("asimddp", "asimdhp", "i8mm", "bf16", "sve", "avx2", "avx_vnni", "avx512_vnni", "amx_int8")
RETRY_SECONDS = "2"


def health_routes(service: Service) -> APIRouter:
    router = APIRouter()
    features = cpu_features()

    @router.get("/health")
    async def health() -> Response:
        return JSONResponse(_report(service, features))

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


def _report(service: Service, features: tuple[str, ...]) -> dict[str, object]:
    engines, memory = service.engines, service.readiness.memory
    return {
        "status": "alive",
        "version": VERSION,
        "pid": os.getpid(),
        "uptime_seconds": round(time.monotonic() - service.started, 1),
        "ready": service.readiness.obstacle is None,
        "engine": {"listener": engines.listener.name, "speaker": engines.speaker.name},
        "cluster": {"name": engines.cluster.name, "demo": engines.cluster.demo},
        "memory": {"resident_bytes": memory.resident(), "limit_bytes": memory.limit_bytes},
        "requests": {"answered": service.figures.answered_total, "waiting": service.lanes.waiting},
        "cpu": {"machine": platform.machine(), "features": list(features)},
    }


def cpu_features(cpuinfo: Path = Path("/proc/cpuinfo")) -> tuple[str, ...]:
    """What of the processor speeds up int8 and fp16 arithmetic; empty where it cannot be told."""
    try:
        lines = cpuinfo.read_text(errors="replace").splitlines()
    except OSError:
        return ()
    flags = next((set(line.split()) for line in lines if line.startswith(("flags", "Features"))), set())
    return tuple(name for name in INTERESTING if name in flags)
