"""/v1/jobs: what the processor says of a job, asked of it by whichever voice API was asked."""

import re

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from voice_api.errors import VoiceApiError
from voice_api.http.job_replies import not_found
from voice_api.http.relay import asked
from voice_api.http.service import Service

NAME = re.compile(r"job_[0-9a-f]{32}")


def job_routes(service: Service) -> APIRouter:
    router = APIRouter()

    async def of_processor(request: Request, name: str, rest: str = "") -> Response:
        if service.processor is None:
            message, fix = "this voice API has no processor, and so no jobs", "set processor_url"
            raise VoiceApiError("no_processor", message, fix, 404)
        if not NAME.fullmatch(name):
            raise not_found()
        return await asked(request, f"/v1/jobs/{name}{rest}", service.processor)

    @router.get("/v1/jobs/{name}")
    async def job(request: Request, name: str) -> Response:
        return await of_processor(request, name)

    @router.get("/v1/jobs/{name}/result")
    async def result(request: Request, name: str) -> Response:
        return await of_processor(request, name, "/result")

    @router.delete("/v1/jobs/{name}")
    async def delete(request: Request, name: str) -> Response:
        return await of_processor(request, name)

    return router
