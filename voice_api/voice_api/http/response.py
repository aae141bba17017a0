"""One reply in OpenAI's events: told and spoken while it is made, and ended once, however it ends."""

import base64
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal
from uuid import uuid4

from voice_api.errors import VoiceApiError
from voice_api.http.realtime_events import error_of

Send = Callable[[dict[str, Any]], Awaitable[None]]
Status = Literal["completed", "cancelled", "failed"]
ITEM_STATUS = {
    "in_progress": "in_progress",
    "completed": "completed",
    "cancelled": "incomplete",
    "failed": "incomplete",
}
MOST_BYTES = 48_000
"""Of sound in one event: a second at 24 kHz, and less than what WebSocket clients take at once."""


class Response:
    """From response.created to response.done; `item` is what a client names when it cuts it off."""

    def __init__(self, send: Send, *, aloud: bool) -> None:
        self.identity, self.item = f"resp_{uuid4().hex[:24]}", f"item_{uuid4().hex[:24]}"
        self.text = ""
        self._send = send
        self._kind = "output_audio" if aloud else "output_text"
        self._aloud = aloud
        self._done = False

    async def begin(self) -> None:
        await self._send({"type": "response.created", "response": self._response("in_progress")})
        await self._tell("output_item.added", item=self._item("in_progress"))
        await self._part("content_part.added", part=self._content)

    async def say(self, text: str) -> None:
        """More of its words; all that is said without sound."""
        self.text += text
        await self._part(f"{self._words}.delta", delta=text)

    async def sound(self, pcm: bytes) -> None:
        for start in range(0, len(pcm), MOST_BYTES):
            delta = base64.b64encode(pcm[start : start + MOST_BYTES]).decode("ascii")
            await self._part("output_audio.delta", delta=delta)

    async def end(
        self,
        status: Status = "completed",
        error: VoiceApiError | None = None,
        reason: str | None = None,
        about: Mapping[str, object] | None = None,
    ) -> None:
        """`about` is what else programs want to know; a second end is none."""
        if self._done:
            return
        self._done = True
        if self._aloud:
            await self._part("output_audio.done")
            await self._part("output_audio_transcript.done", transcript=self.text)
        else:
            await self._part("output_text.done", text=self.text)
        await self._part("content_part.done", part=self._content)
        await self._tell("output_item.done", item=self._item(status))
        failure = {"error": error_of(error)} if error else {}
        details = None if status == "completed" else {"type": status, "reason": reason, **failure}
        response = {**self._response(status), "status_details": details, "output": [self._item(status)]}
        await self._send({"type": "response.done", "response": {**response, **(about or {})}})

    @property
    def _words(self) -> str:
        return "output_audio_transcript" if self._aloud else "output_text"

    @property
    def _content(self) -> dict[str, Any]:
        if self._aloud:
            return {"type": "audio", "transcript": self.text}
        return {"type": "text", "text": self.text}

    def _item(self, status: str) -> dict[str, Any]:
        content = [] if status == "in_progress" else [{**self._content, "type": self._kind}]
        about = {"id": self.item, "object": "realtime.item", "type": "message", "role": "assistant"}
        return {**about, "status": ITEM_STATUS[status], "content": content}

    def _response(self, status: str) -> dict[str, Any]:
        modalities = ["audio"] if self._aloud else ["text"]
        about = {"id": self.identity, "object": "realtime.response", "status": status, "status_details": None}
        return {**about, "output": [], "output_modalities": modalities}

    async def _tell(self, kind: str, **content: Any) -> None:
        await self._send(
            {"type": f"response.{kind}", "response_id": self.identity, "output_index": 0, **content}
        )

    async def _part(self, kind: str, **content: Any) -> None:
        await self._tell(kind, item_id=self.item, content_index=0, **content)
