"""WebSockets /v1/realtime and /v1/conversation: what is said is written down, or answered, as OpenAI does."""

import asyncio
import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol
from uuid import uuid4

from fastapi import APIRouter
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from voice_api.errors import VoiceApiError
from voice_api.http import realtime_events as events
from voice_api.http.conversation_answers import Company
from voice_api.http.conversation_session import ConversationSession
from voice_api.http.conversation_wish import answers_of
from voice_api.http.inbox import Inbox
from voice_api.http.models import check_converser, check_listener
from voice_api.http.pages import with_subprotocols
from voice_api.http.realtime_session import RealtimeSession
from voice_api.http.realtime_wish import Json, read_event
from voice_api.http.replies import error_response
from voice_api.http.response import Send
from voice_api.http.service import Service
from voice_api.http.turns import place_of
from voice_api.http.wishes import wished

log = logging.getLogger("voice_api.realtime")
SEND_SECONDS = 10.0
"""Time a client may take to read what is sent; one that reads slower is let go."""

MOST_BAD_EVENTS = 20
NORMAL, GOING_AWAY, POLICY, INTERNAL = 1000, 1001, 1008, 1011
SUBPROTOCOL = "realtime"
INTENTS = frozenset({"transcription", "conversation"})


class SlowReaderError(Exception):
    """The client does not read what it is told."""


class Session(Protocol):
    """What holds one kind of session."""

    @property
    def broken(self) -> "asyncio.Future[None]": ...

    @property
    def last_sound(self) -> float: ...

    @property
    def seconds(self) -> float: ...

    async def greet(self, old_dialect: bool) -> None: ...

    async def take(self, event: Json) -> None: ...

    async def end(self) -> None: ...


Begin = Callable[[Send], Session]


def realtime_routes(service: Service) -> APIRouter:
    router = APIRouter()

    @router.websocket("/v1/realtime")
    async def realtime(socket: WebSocket) -> None:
        await _held(service, socket, socket.query_params.get("intent") or "conversation")

    @router.websocket("/v1/conversation")
    async def conversation(socket: WebSocket) -> None:
        await _held(service, socket, "conversation")

    return router


async def _held(service: Service, socket: WebSocket, intent: str) -> None:
    try:
        _refuse(service, socket, intent)
        begin = _begin(service, socket, intent)
    except VoiceApiError as error:
        service.figures.rejected.labels(error.code).inc()
        await socket.send_denial_response(error_response(error))
        return
    with _counted(service):
        await socket.accept(SUBPROTOCOL if SUBPROTOCOL in _offered(socket) else None)
        await _Conversation(service, socket, begin).hold()


def _begin(service: Service, socket: WebSocket, intent: str) -> Begin:
    """VoiceApiError 400 for what cannot be wished, 401 for credentials that are none."""
    query, headers = socket.query_params, _headers(socket)
    asked = wished(service.elsewhere, headers, query)
    if intent == "transcription":
        return lambda send: RealtimeSession(service, send, asked)
    user = service.engines.users.speaker_of(headers.get("authorization"))
    name = place_of({"session": query.get("session")}).session or f"conv_{uuid4().hex}"
    answers = answers_of(query)
    return lambda send: ConversationSession(service, send, Company(user, name, asked), answers)


def _offered(socket: WebSocket) -> list[str]:
    offered: list[str] = socket.scope.get("subprotocols", [])
    return offered


def _headers(socket: WebSocket) -> Mapping[str, str]:
    return with_subprotocols(socket.headers, _offered(socket))


def _refuse(service: Service, socket: WebSocket, intent: str) -> None:
    if intent not in INTENTS:
        message = f"the intent is {intent[:64]!r}, and only transcription or conversation is possible here"
        raise VoiceApiError("unsupported_value", message, "connect to ?intent=transcription", param="intent")
    check = check_listener if intent == "transcription" else check_converser
    check(service.engines, socket.query_params.get("model"))
    if service.readiness.draining:
        raise VoiceApiError(
            "stopping", "the service is ending", "try again in a moment", 503, retry_after_seconds=1
        )
    service.refuse_low_memory()
    most = service.settings.realtime_sessions
    if service.sessions.open >= most:
        fix = "end a session, or try again later; the setting realtime_sessions allows more"
        raise VoiceApiError("too_many_sessions", f"{most} sessions are open", fix, 429, retry_after_seconds=5)


@contextmanager
def _counted(service: Service) -> Iterator[None]:
    service.sessions.open += 1
    try:
        yield
    finally:
        service.sessions.open -= 1


class _Conversation:
    """Reads events and answers them until one side ends, nothing comes any more, or the service drains."""

    def __init__(self, service: Service, socket: WebSocket, begin: Begin) -> None:
        self._service = service
        self._socket = socket
        self._session = begin(self._send)
        self._bad_events = 0

    async def hold(self) -> None:
        code = INTERNAL
        try:
            old_dialect = "realtime=v1" in _headers(self._socket).get("openai-beta", "")
            await self._session.greet(old_dialect)
            code = await self._talk()
        except SlowReaderError:
            log.info("a client did not read what it was told")
            code = POLICY
        except WebSocketDisconnect:
            code = NORMAL
        except VoiceApiError as error:
            self._service.figures.rejected.labels(error.code).inc()
            await self._last_word(error)
            code = GOING_AWAY if error.status >= 500 else POLICY
        finally:
            await self._session.end()
            await self._close(code)

    async def _talk(self) -> int:
        """The code to close with, once there is nothing more to say."""
        ending = asyncio.ensure_future(self._service.sessions.ending.wait())
        inbox = Inbox(self._socket.receive)
        filling, receiving = asyncio.ensure_future(inbox.fill()), asyncio.ensure_future(inbox.next())
        try:
            while True:
                awaited: set[asyncio.Future[Any]] = {receiving, filling, ending, self._session.broken}
                await asyncio.wait(
                    awaited,
                    timeout=max(0.0, self._idle_left),
                    return_when=asyncio.FIRST_COMPLETED,
                )
                if self._session.broken.done():
                    self._session.broken.result()
                if filling.done():
                    filling.result()
                if (reason := self._reason_to_end(ending.done(), receiving.done())) is not None:
                    await self._send(events.error_event(reason))
                    return GOING_AWAY if reason.status >= 500 else POLICY
                if receiving.done():
                    await self._take(receiving.result())
                    receiving = asyncio.ensure_future(inbox.next())
        finally:
            tasks = (ending, filling, receiving)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def _idle_left(self) -> float:
        return self._session.last_sound + self._service.settings.realtime_idle_seconds - time.monotonic()

    def _reason_to_end(self, ending: bool, received: bool) -> VoiceApiError | None:
        settings = self._service.settings
        if ending:
            return VoiceApiError("stopping", "the service is ending", "connect again in a moment", 503)
        if self._session.seconds > settings.realtime_seconds:
            message = f"the session has sent {settings.realtime_seconds:g} seconds of sound"
            return VoiceApiError("session_too_long", message, "open another session", 413)
        if self._bad_events >= MOST_BAD_EVENTS:
            message = f"{MOST_BAD_EVENTS} events could not be understood"
            return VoiceApiError("too_many_errors", message, "read the errors that were sent")
        if not received and self._idle_left <= 0:
            message = f"no sound has come for {settings.realtime_idle_seconds:g} seconds"
            return VoiceApiError(
                "idle_timeout", message, "open a session when there is something to say", 408
            )
        return None

    async def _take(self, message: Any) -> None:
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code") or NORMAL)
        text = message.get("text")
        caused_by = None
        try:
            event = read_event(text)
            caused_by = event.get("event_id") if isinstance(event.get("event_id"), str) else None
            await self._session.take(event)
        except VoiceApiError as error:
            self._bad_events += 1
            self._service.figures.rejected.labels(error.code).inc()
            await self._send(events.error_event(error, caused_by))

    async def _send(self, content: dict[str, Any]) -> None:
        text = json.dumps({"event_id": f"event_{uuid4().hex[:24]}", **content}, ensure_ascii=False)
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self._socket.send_text(text)
        except TimeoutError:
            raise SlowReaderError from None

    async def _last_word(self, error: VoiceApiError) -> None:
        try:
            await self._send(events.error_event(error))
        except (SlowReaderError, RuntimeError, WebSocketDisconnect):
            log.info("a client was gone before it was told why", extra={"code": error.code})

    async def _close(self, code: int) -> None:
        if self._socket.application_state is WebSocketState.CONNECTED:
            try:
                async with asyncio.timeout(SEND_SECONDS):
                    await self._socket.close(code)
            except (TimeoutError, RuntimeError, WebSocketDisconnect):
                log.debug("a client was gone before its session was closed")
