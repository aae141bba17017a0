"""Errors and refusals in the shape OpenAI's clients read."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from voice_api.errors import VoiceApiError

ROUTES = (
    "/v1/commands, /v1/audio/transcriptions, /v1/jobs, /v1/audio/speech, /v1/realtime, /v1/models, "
    "/v1/usage, /mcp, /health, /ready"
)
ROUTING_CODES = {404: "not_found", 405: "method_not_allowed"}


class AnswerCutOffError(Exception):
    """An answer that has begun cannot be completed; the closed connection is all the caller can be told."""


def error_kind(status: int) -> str:
    """OpenAI's `type` for a status."""
    if status == 429:
        return "rate_limit_error"
    return "server_error" if status >= 500 else "invalid_request_error"


def error_response(error: VoiceApiError) -> Response:
    """The error as JSON: OpenAI's four members and `fix`, what the caller can do."""
    headers = {} if error.retry_after_seconds is None else {"Retry-After": str(error.retry_after_seconds)}
    return JSONResponse({"error": error_content(error)}, error.status, headers)


def error_content(error: VoiceApiError) -> dict[str, object]:
    return {
        "message": f"{error.message}; {error.fix}",
        "type": error_kind(error.status),
        "param": error.param,
        "code": error.code,
        "fix": error.fix,
    }


async def answer_routing(request: Request, error: Exception) -> Response:
    """For FastAPI: no such route, or not with this method."""
    assert isinstance(error, HTTPException)  # noqa: S101  it is registered for nothing else
    code = ROUTING_CODES.get(error.status_code, "refused")
    message = f"{request.method} {request.url.path}: {error.detail}"
    response = error_response(VoiceApiError(code, message, f"known routes: {ROUTES}", error.status_code))
    response.headers.update(error.headers or {})
    return response


def internal_error(request_id: str) -> Response:
    """What a caller learns of a bug: nothing but the id under which it is in the log."""
    fix = f"report it with the request id {request_id}"
    return error_response(VoiceApiError("internal_error", "the service failed on this request", fix, 500))
