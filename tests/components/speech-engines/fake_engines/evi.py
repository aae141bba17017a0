"""Hume's EVI as its library knows it: /v0/evi/chat, each kind of message, and each way to fail."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from fake_engines.serving import Moods, in_mood, serving
from fake_engines.sound import Ear, tone, wav
from websockets.asyncio.server import ServerConnection

RATE_OUT = 48_000
WORDS, ANSWER = "how many pods are running", "there are three of them"
ERRORS = {
    "out of credit": ("E0300", "out_of_credits"),
    "month used up": ("E0301", "monthly_usage_limit_reached"),
    "too many at once": ("E0400", "concurrent_connections"),
    "bad configuration": ("E0100", "config_not_found"),
    "failed inside": ("E0999", "unknown"),
}
SCORES = """
Admiration, Adoration, Aesthetic Appreciation, Amusement, Anger, Anxiety, Awe, Awkwardness, Boredom,
Calmness, Concentration, Confusion, Contemplation, Contempt, Contentment, Craving, Desire, Determination,
Disappointment, Disgust, Distress, Doubt, Ecstasy, Embarrassment, Empathic Pain, Entrancement, Envy,
Excitement, Fear, Guilt, Horror, Interest, Joy, Love, Nostalgia, Pain, Pride, Realization, Relief,
Romance, Sadness, Satisfaction, Shame, Surprise (negative), Surprise (positive), Sympathy, Tiredness,
Triumph
"""
EMOTIONS = {name.strip(): 0.5 if name.strip() == "Joy" else 0.01 for name in SCORES.split(",")}


@dataclass
class Evi(Moods):
    """One server.

    sent      the messages it was sent, those of sound left out
    heard     the sound of each chat
    emotions  what it tells of each utterance
    """

    sent: list[dict[str, Any]] = field(default_factory=list)
    heard: list[Ear] = field(default_factory=list)
    emotions: dict[str, float] = field(default_factory=lambda: dict(EMOTIONS))
    chats: int = 0
    audio_seconds: float = 0.2


@contextmanager
def evi() -> Iterator[Evi]:
    server = Evi()

    async def talk(connection: ServerConnection) -> None:
        server.chats += 1
        await _Chat(server, connection).held()

    with serving(server, "X-Hume-Api-Key", talk):
        yield server


@dataclass
class _Chat:
    server: Evi
    connection: ServerConnection
    ear: Ear = field(default_factory=lambda: Ear(16_000))
    listens_only: bool = False
    said: int = 0

    async def held(self) -> None:
        self.server.heard.append(self.ear)
        if self.server.fault == "silent from the first":
            await in_mood(self.connection, Moods(fault="silent", let_go=self.server.let_go))
            return
        if self.server.fault in ERRORS:
            await self._error()
            return
        await self._tell("chat_metadata", chat_id="chat", chat_group_id="group", request_id="request")
        if await in_mood(self.connection, self.server):
            return
        async for message in self.connection:
            await self._taken(json.loads(message))

    async def _taken(self, message: dict[str, Any]) -> None:
        if message["type"] == "audio_input":
            if self.ear.hears_an_end(base64.b64decode(message["data"], validate=True)):
                await self._turn()
            return
        self.server.sent.append(message)
        match message["type"]:
            case "user_input":
                await self._answer()
            case "pause_assistant_message" | "resume_assistant_message":
                self.listens_only = message["type"].startswith("pause")
            case "session_settings":
                await self._tell("session_settings", audio=message.get("audio"))
            case "tool_error":
                await self._tell("tool_error", error=message["error"], tool_call_id=message["tool_call_id"])
            case "tool_response":
                response = {"content": message["content"], "tool_call_id": message["tool_call_id"]}
                await self._tell("tool_response", **response)

    async def _turn(self) -> None:
        if self.server.fault == "deaf":
            return
        await self._heard(WORDS[:8], interim=True)
        await self._heard(WORDS, interim=False)
        match self.server.fault:
            case "cut off within the answer":
                self.connection.transport.abort()
            case "close within the answer":
                await self.connection.close(1011, "internal")
            case "out of credit within the answer":
                await self._error("out of credit")
            case _ if not self.listens_only:
                await self._answer()

    async def _heard(self, words: str, *, interim: bool) -> None:
        await self._tell(
            "user_message",
            from_text=False,
            interim=interim,
            message={"role": "user", "content": words},
            models={"prosody": {"scores": self.server.emotions}},
            time={"begin": 0, "end": int(self.ear.sound.size / 16)},
        )

    async def _answer(self) -> None:
        match self.server.fault:
            case "new kind of message":
                await self._tell("weather_report", degrees=21)
            case "a tool":
                await self._tell(
                    "tool_call",
                    name="delete_everything",
                    parameters="{}",
                    tool_call_id="call-1",
                    response_required=True,
                    tool_type="function",
                )
            case "interrupted":
                await self._tell("user_interruption", time=7)
            case "no sound":
                await self._tell("audio_output", data="AAAA", id="message", index=0)
        await self._tell(
            "assistant_message",
            id="message",
            from_text=False,
            is_quick_response=False,
            message={"role": "assistant", "content": ANSWER},
            models={},
        )
        await self._tell("assistant_prosody", id="message", models={"prosody": {"scores": EMOTIONS}})
        for index in range(2):
            data = base64.b64encode(wav(tone(RATE_OUT, self.server.audio_seconds), RATE_OUT)).decode()
            await self._tell("audio_output", data=data, id="message", index=index)
        await self._tell("assistant_end")

    async def _error(self, fault: str | None = None) -> None:
        code, slug = ERRORS[fault or self.server.fault]
        told = f"the key was {self.server.keys[-1]}"
        await self._tell("error", code=code, slug=slug, message=told, request_id="request")
        await self.connection.close(1008, slug)

    async def _tell(self, kind: str, **content: Any) -> None:
        await self.connection.send(json.dumps({"type": kind, **content}))
