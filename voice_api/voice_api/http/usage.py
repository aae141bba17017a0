"""GET /v1/usage: what cloud engines were used for, what is left of them, and how long that lasts."""

import asyncio
import re
from datetime import UTC, datetime

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from voice_api.engines.standing import usage
from voice_api.errors import VoiceApiError
from voice_api.http.service import Service

MONTH = re.compile(r"(20\d\d)-(0[1-9]|1[0-2])")


def usage_routes(service: Service) -> APIRouter:
    router = APIRouter()

    @router.get("/v1/usage")
    async def tell(request: Request) -> Response:
        year, month = _month(request.query_params.get("month"))
        return JSONResponse(await asyncio.to_thread(usage, service.elsewhere, year, month))

    return router


def _month(asked: str | None) -> tuple[int, int]:
    """A calendar month in UTC; this one unless asked."""
    if asked is None:
        now = datetime.now(UTC)
        return now.year, now.month
    found = MONTH.fullmatch(asked)
    if found is None:
        message = f"month cannot be {asked[:16]!r}"
        raise VoiceApiError("unsupported_value", message, "write it as 2026-11", param="month")
    return int(found[1]), int(found[2])
