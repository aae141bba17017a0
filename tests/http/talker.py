"""A client of /v1/conversation, as people have one: it speaks, and keeps what it hears."""

import base64
import json
import time
from contextlib import ExitStack
from typing import Any

import numpy as np
import soxr
import websockets.sync.client

WAIT_SECONDS = 80
RATE = 24_000
HEARD = "conversation.item.input_audio_transcription.completed"


class Talker:
    """One conversation; `sound` is all that was spoken to it."""

    def __init__(self, url: str, query: str = "", key: str | None = None, path: str = "conversation") -> None:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._open = ExitStack()
        opening = websockets.sync.client.connect(
            f"{url.replace('http', 'ws')}/v1/{path}?{query}",
            open_timeout=WAIT_SECONDS,
            additional_headers=headers,
        )
        self.socket = self._open.enter_context(opening)
        self.sound = b""
        self.events: list[dict[str, Any]] = []

    def say(self, kind: str, **members: Any) -> None:
        self.socket.send(json.dumps({"type": kind, **members}))

    def wish(self, **session: Any) -> dict[str, Any]:
        """Change the session; what it is then."""
        self.say("session.update", session={"type": "realtime", **session})
        changed: dict[str, Any] = self.until("session.updated")[-1]["session"]
        return changed

    def append(self, pcm: bytes) -> None:
        for start in range(0, len(pcm), 4_800):
            self.say("input_audio_buffer.append", audio=base64.b64encode(pcm[start : start + 4_800]).decode())

    def until(self, kind: str, also: str = "error") -> list[dict[str, Any]]:
        """Everything up to the first event of a kind; an error ends it, too."""
        seen = []
        while not seen or seen[-1]["type"] not in (kind, also):
            event = json.loads(self.socket.recv(WAIT_SECONDS))
            if event["type"] == "response.output_audio.delta":
                self.sound += base64.b64decode(event["delta"])
            seen.append(event)
        self.events += seen
        return seen

    def answer(self) -> dict[str, Any]:
        """The next response when it is done."""
        done = self.until("response.done")[-1]
        assert done["type"] == "response.done", done
        response: dict[str, Any] = done["response"]
        return response

    def command(self) -> dict[str, Any]:
        """What the next response says of the command."""
        about: dict[str, Any] = self.answer()["command"]
        return about

    def close(self) -> None:
        self._open.close()


def spoken(engines: Any, text: str, silence_seconds: float = 0.8) -> bytes:
    """A sentence as pcm16 between silences."""
    speaker = engines.speaker
    sound = soxr.resample(np.concatenate(list(speaker.speak(text, None, 1.0))), speaker.sample_rate, RATE)
    silence = np.zeros(round(silence_seconds * RATE), np.int16)
    return bytes(np.concatenate((silence, sound, silence)).astype("<i2").tobytes())


def after(seconds: float) -> None:
    """People hear a question before they answer it."""
    time.sleep(seconds)
