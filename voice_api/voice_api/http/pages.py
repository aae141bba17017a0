"""Pages in browsers: which of them may ask at all, and how one says who speaks where it can send no header.

A browser lets every page connect to this machine, whoever made it. It says which page it is, so those that
nobody has named are refused, whatever they ask.
"""

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from voice_api.errors import VoiceApiError
from voice_api.figures import Figures
from voice_api.http.replies import error_response
from voice_api.settings import SettingsError

KEY_SUBPROTOCOL = "openai-insecure-api-key."
"""Before a key, as OpenAI's client in a browser sends it: a page can name subprotocols, and no header."""

OLD_SUBPROTOCOL = "openai-beta.realtime-v1"
METHODS = ("GET", "POST", "DELETE")
READ_HEADERS = (
    *("Authorization", "Content-Type", "Idempotency-Key", "Prefer", "X-Kvx-Engine", "X-Kvx-Insist"),
    "X-Request-Id",
)
TOLD_HEADERS = (
    *("Location", "Retry-After", "X-Kvx-Characters-Left", "X-Kvx-Degraded", "X-Kvx-Engine", "X-Kvx-Reason"),
    *("X-Kvx-Seconds-Left", "X-Request-Id", "x-ratelimit-limit-requests"),
    *("x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
)


def origins_of(setting: str) -> tuple[str, ...]:
    """The origins as browsers write them; SettingsError for what none would send."""
    return tuple(_origin(each) for each in setting.replace(",", " ").split())


def _origin(text: str) -> str:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    default = {"http": 80, "https": 443}.get(parts.scheme)
    rest = parts.path.strip("/") or parts.query or parts.fragment or parts.username
    if default is None or not parts.hostname or "*" in text or rest:
        message = f"browser_origins has {text[:128]!r}, which is no page's origin"
        raise SettingsError(message, "name each as https://voice.example.com or http://localhost:5173")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" + ("" if port in {None, default} else f":{port}")


class Pages:
    """ASGI middleware: what comes from a page that is not named is refused before anything is read of it."""

    def __init__(self, app: ASGIApp, origins: Sequence[str], figures: Figures) -> None:
        self._origins = frozenset(origins)
        self._figures = figures
        self._app = CORSMiddleware(
            app,
            allow_origins=tuple(origins),
            allow_methods=METHODS,
            allow_headers=READ_HEADERS,
            expose_headers=TOLD_HEADERS,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        origin = Headers(scope=scope).get("origin") if scope["type"] in {"http", "websocket"} else None
        if origin is None or origin in self._origins:
            await self._app(scope, receive, send)
            return
        fix = "name its origin in the setting browser_origins"
        error = VoiceApiError("origin_refused", f"the page {origin[:128]} may not ask here", fix, 403)
        self._figures.rejected.labels(error.code).inc()
        await error_response(error)(scope, receive, send)


def with_subprotocols(headers: Mapping[str, str], offered: Sequence[str]) -> Mapping[str, str]:
    """What a page says by subprotocols, as it can send no headers, told as headers; real ones count more."""
    told = dict(headers)
    for each in offered:
        if each.startswith(KEY_SUBPROTOCOL):
            told.setdefault("authorization", f"Bearer {each.removeprefix(KEY_SUBPROTOCOL)}")
        elif each == OLD_SUBPROTOCOL:
            told.setdefault("openai-beta", "realtime=v1")
    return told
