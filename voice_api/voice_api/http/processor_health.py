"""GET /health: a new process is not needed; GET /ready: jobs are taken and heard."""

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from voice_api.http.processing import Processor
from voice_api.http.readiness import SENTENCES

RETRY_SECONDS = "2"


def processor_health_routes(processor: Processor) -> APIRouter:
    router = APIRouter()

    @router.get("/health")
    def health() -> Response:
        """503 only where nothing but a new process would help."""
        if processor.worker.failed or processor.readiness.obstacle == "model_stuck":
            return JSONResponse({"status": "stuck"}, 503)
        return JSONResponse({"status": "alive", "jobs": _load(processor)})

    @router.get("/ready")
    def ready() -> Response:
        obstacle = processor.readiness.obstacle
        if obstacle is None:
            return JSONResponse({"status": "ready"})
        refusal = {"status": "not_ready", "reason": obstacle, "message": SENTENCES[obstacle]}
        return JSONResponse(refusal, 503, {"Retry-After": RETRY_SECONDS})

    return router


def _load(processor: Processor) -> dict[str, object]:
    load = processor.queue.load()
    return {"queued": load.waiting, "in_progress": load.running, "seconds": round(load.held_seconds, 1)}
