"""What a request prefers, where there is a choice (RFC 7240)."""

from starlette.requests import Request

RESPOND_ASYNC = "respond-async"


def prefers_later(request: Request) -> bool:
    """Whether the caller would rather have a job than wait for the answer."""
    preferences = ",".join(request.headers.getlist("prefer")).split(",")
    return any(each.partition(";")[0].strip().lower() == RESPOND_ASYNC for each in preferences)
