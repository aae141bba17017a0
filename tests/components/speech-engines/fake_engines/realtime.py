"""OpenAI's Realtime API as its client knows it: /v1/realtime, its events for sound, and each way to fail."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from fake_engines.serving import Moods, in_mood, serving
from fake_engines.sound import Ear, tone
from websockets.asyncio.server import ServerConnection

RATE = 24_000
WORDS, ANSWER = "how many pods are running", "there are three of them"
ERRORS = {
    "out of credit": ("insufficient_quota", "insufficient_quota"),
    "too many at once": ("rate_limit_exceeded", "rate_limit_exceeded"),
    "bad configuration": ("unknown_parameter", "invalid_request_error"),
    "failed inside": ("server_error", "server_error"),
}


@dataclass
class Realtime(Moods):
    """One server; sent are the events it was sent but those of sound, heard the sound of each session."""

    sent: list[dict[str, Any]] = field(default_factory=list)
    heard: list[Ear] = field(default_factory=list)


@contextmanager
def realtime() -> Iterator[Realtime]:
    server = Realtime()

    async def talk(connection: ServerConnection) -> None:
        await _Session(server, connection).held()

    with serving(server, "Authorization", talk):
        server.address += "/v1"
        yield server


@dataclass
class _Session:
    server: Realtime
    connection: ServerConnection
    ear: Ear = field(default_factory=lambda: Ear(RATE))
    events: int = 0

    async def held(self) -> None:
        self.server.heard.append(self.ear)
        if self.server.fault == "silent from the first":
            await in_mood(self.connection, Moods(fault="silent", let_go=self.server.let_go))
            return
        await self._tell("session.created", session={"type": "realtime", "model": "gpt-realtime"})
        if self.server.fault in ERRORS:
            await self._error()
            return
        async for message in self.connection:
            if await self._taken(json.loads(message)):
                return

    async def _taken(self, event: dict[str, Any]) -> bool:
        """Whether that was all."""
        match event["type"]:
            case "input_audio_buffer.append":
                if self.ear.hears_an_end(base64.b64decode(event["audio"], validate=True)):
                    await self._turn()
                return False
            case "session.update":
                self.server.sent.append(event)
                await self._tell("session.updated", session=event["session"])
                return await in_mood(self.connection, self.server)
            case _:
                self.server.sent.append(event)
                return False

    async def _turn(self) -> None:
        if self.server.fault == "deaf":
            return
        item = {"item_id": "item-1", "content_index": 0}
        await self._tell("input_audio_buffer.speech_started", audio_start_ms=0, item_id="item-1")
        await self._tell("input_audio_buffer.speech_stopped", audio_end_ms=1000, item_id="item-1")
        await self._tell("input_audio_buffer.committed", item_id="item-1", previous_item_id=None)
        await self._tell(
            "conversation.item.input_audio_transcription.completed",
            transcript=WORDS,
            usage={"type": "duration", "seconds": 1},
            **item,
        )
        match self.server.fault:
            case "cut off within the answer":
                self.connection.transport.abort()
            case "close within the answer":
                await self.connection.close(1011, "internal")
            case "out of credit within the answer":
                error = {"code": "insufficient_quota", "type": "insufficient_quota"}
                await self._done("failed", {"type": "failed", "error": error})
            case _:
                await self._answer()

    async def _answer(self) -> None:
        part = {"response_id": "response-1", "item_id": "item-2", "output_index": 0, "content_index": 0}
        await self._tell("response.created", response={"id": "response-1", "object": "realtime.response"})
        match self.server.fault:
            case "new kind of message":
                await self._tell("weather.report", degrees=21)
            case "no sound":
                await self._tell("response.output_audio.delta", delta="%%%", **part)
        for _ in range(2):
            delta = base64.b64encode(tone(RATE).astype("<i2").tobytes()).decode()
            await self._tell("response.output_audio.delta", delta=delta, **part)
        await self._tell("response.output_audio_transcript.delta", delta=ANSWER, **part)
        await self._tell("response.output_audio.done", **part)
        await self._tell("response.output_audio_transcript.done", transcript=ANSWER, **part)
        await self._done("completed", None)

    async def _done(self, status: str, details: dict[str, Any] | None) -> None:
        response = {
            "id": "response-1",
            "object": "realtime.response",
            "status": status,
            "status_details": details,
            "output": [],
        }
        await self._tell("response.done", response=response)

    async def _error(self) -> None:
        code, kind = ERRORS[self.server.fault]
        error = {"code": code, "type": kind, "message": f"the key was {self.server.keys[-1]}", "param": None}
        await self._tell("error", error=error)
        await self.connection.close(1000, code)

    async def _tell(self, kind: str, **content: Any) -> None:
        self.events += 1
        await self.connection.send(json.dumps({"type": kind, "event_id": f"event-{self.events}", **content}))
