"""Around every request: its id, its log line, its figures, and the last net for bugs."""

import logging
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from voice_api.figures import HEALTH_ROUTES, Figures
from voice_api.http.replies import AnswerCutOffError, internal_error
from voice_api.logs import chosen_request_id, request_id

log = logging.getLogger("voice_api.requests")
CLIENT_GONE = 499


class RequestFrame:
    """ASGI middleware; `X-Request-Id` is taken from the caller if sane, and always answered."""

    def __init__(self, app: ASGIApp, figures: Figures) -> None:
        self._app = app
        self._figures = figures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._session(scope, receive, send)
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        identity = chosen_request_id(Headers(scope=scope).get("x-request-id"))
        request_id.set(identity)
        answer = _Answer(send, identity)
        started = time.perf_counter()
        with self._figures.in_flight.track_inprogress():
            try:
                await self._app(scope, receive, answer)
            except AnswerCutOffError as error:
                log.warning("an answer was cut off", extra={"reason": str(error)})
            except Exception:
                log.exception("a request failed on a bug")
                if answer.status is None:
                    await internal_error(identity)(scope, receive, answer)
            finally:
                self._count(scope, answer, time.perf_counter() - started)

    async def _session(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A WebSocket, from its handshake to its end; what it asks for meanwhile counts itself."""
        request_id.set(chosen_request_id(Headers(scope=scope).get("x-request-id")))
        started = time.perf_counter()
        try:
            await self._app(scope, receive, send)
        except Exception:
            log.exception("a session failed on a bug")
        finally:
            seconds = round(time.perf_counter() - started, 1)
            log.info("session ended", extra={"path": scope["path"][:64], "seconds": seconds})

    def _count(self, scope: Scope, answer: "_Answer", seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "unmatched")
        status = answer.status or CLIENT_GONE
        self._figures.answered(route, status, seconds)
        level = logging.DEBUG if route in HEALTH_ROUTES and status < 400 else logging.INFO
        fields = {"method": scope["method"], "route": route, "status": status, "ms": round(seconds * 1000, 1)}
        log.log(level, "request", extra=fields)


class _Answer:
    """Passes an answer on, with the request id in its headers, and remembers the status."""

    def __init__(self, send: Send, identity: str) -> None:
        self._send = send
        self._identity = identity
        self.status: int | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            MutableHeaders(scope=message)["X-Request-Id"] = self._identity
        await self._send(message)
