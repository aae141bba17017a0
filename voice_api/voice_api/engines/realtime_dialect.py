"""OpenAI's Realtime API: sound both ways over a WebSocket, of OpenAI or of whoever speaks as it does."""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray
from soxr import ResampleStream

from voice_api.engines.engine import Happening
from voice_api.engines.failure import OUT_OF_CREDIT, EngineFailedError, Failure, Key
from voice_api.engines.loop import Loop
from voice_api.engines.sockets import Opening, Socket, opened, socket_address
from voice_api.engines.sounds import as_base64, bare_samples, of_base64
from voice_api.errors import VoiceApiError
from voice_api.speech.protocol import SAMPLE_RATE

ADDRESS = "https://api.openai.com/v1"
MODEL, HEARD_BY = "gpt-realtime", "gpt-4o-mini-transcribe"
RATE = 24_000
PIECE_SAMPLES = SAMPLE_RATE // 10
SILENCE_SECONDS, LONGEST_SECONDS = 120.0, 1_800.0
DEADLINE_SECONDS = 1.2
THROTTLED = frozenset({"rate_limit_exceeded", "session_limit_reached", "server_overloaded"})


@dataclass(frozen=True, slots=True)
class RealtimeConverser:
    """Opens sessions; safe to use from several threads at once.

    key  asked before each session
    """

    name: str
    loop: Loop
    key: Key
    address: str = ADDRESS
    model: str = MODEL
    voice: str = ""
    deadline_seconds: float = DEADLINE_SECONDS

    def converse(self, instructions: str) -> "RealtimeConversation":
        until = time.monotonic() + self.deadline_seconds
        conversation = RealtimeConversation(self.name, self._opened())
        try:
            conversation.begin(_wished(instructions, self.voice), until)
        except BaseException:
            conversation.end()
            raise
        return conversation

    def _opened(self) -> Socket:
        try:
            headers = {"Authorization": f"Bearer {self.key()}"}
        except VoiceApiError:
            raise EngineFailedError(self.name, Failure("no_key", spent=False, ours=True)) from None
        address = f"{socket_address(self.address)}/realtime?model={quote(self.model)}"
        return opened(self.name, self.loop, Opening(address, headers, self.deadline_seconds))


class RealtimeConversation:
    """One session."""

    def __init__(self, engine: str, socket: Socket) -> None:
        self._engine = engine
        self._socket = socket
        self._until = 0.0
        self._ended = False
        self._outflow = ResampleStream(SAMPLE_RATE, RATE, 1, dtype="float32")

    def begin(self, session: Mapping[str, Any], until: float) -> None:
        """Say what is wished, and wait until it is granted."""
        self._until = until
        self._say({"type": "session.update", "session": session})
        while self._event().get("type") != "session.updated":
            pass
        self._until = time.monotonic() + LONGEST_SECONDS

    def send(self, samples: NDArray[np.float32]) -> None:
        for start in range(0, samples.size, PIECE_SAMPLES):
            piece = samples[start : start + PIECE_SAMPLES].astype(np.float32)
            sound = np.asarray(self._outflow.resample_chunk(piece), np.float32)
            if sound.size:
                self._say({"type": "input_audio_buffer.append", "audio": as_base64(sound)})

    def happenings(self) -> Iterator[Happening]:
        try:
            while True:
                if happening := self._told(self._event()):
                    yield happening
        except EngineFailedError:
            if not self._ended:
                raise
        yield Happening("ended")

    def end(self) -> None:
        self._ended = True
        self._socket.close()

    def _say(self, event: Mapping[str, Any]) -> None:
        """Who reads is told that it is closed, and by what was said last, why."""
        try:
            self._socket.send(json.dumps(event))
        except EngineFailedError as error:
            if error.failure.reason == "too_late":
                raise

    def _event(self) -> Mapping[str, Any]:
        seconds = min(max(0.0, self._until - time.monotonic()), SILENCE_SECONDS)
        try:
            event = json.loads(self._socket.receive(seconds))
        except (ValueError, RecursionError):
            event = None
        if not isinstance(event, dict):
            raise self._failed(Failure("failed", spent=True))
        if event.get("type") == "error":
            raise self._failed(of_error(event.get("error")))
        return event

    def _told(self, event: Mapping[str, Any]) -> Happening | None:
        """What an event means; one that is not known means nothing."""
        match event:
            case {"type": "response.output_audio.delta" | "response.audio.delta", "delta": str(delta)}:
                return self._sound(delta)
            case {
                "type": "response.output_audio_transcript.done" | "response.audio_transcript.done",
                "transcript": str(text),
            }:
                return Happening("said", text)
            case {
                "type": "conversation.item.input_audio_transcription.completed",
                "transcript": str(text),
            }:
                return Happening("heard", text)
            case {"type": "input_audio_buffer.speech_started"}:
                return Happening("interrupted")
            case {"type": "response.done", "response": {"status": "failed", "status_details": details}}:
                raise self._failed(of_error(details.get("error") if isinstance(details, dict) else None))
            case {"type": "response.done"}:
                return Happening("answered")
        return None

    def _sound(self, delta: str) -> Happening:
        content = of_base64(delta)
        if content is None:
            raise self._failed(Failure("failed", spent=True))
        return Happening("sound", samples=bare_samples(content), sample_rate=RATE)

    def _failed(self, failure: Failure) -> EngineFailedError:
        return EngineFailedError(self._engine, failure)


def of_error(error: object) -> Failure:
    """What an error of a session means, by its code."""
    told = error if isinstance(error, dict) else {}
    code, kind = told.get("code"), told.get("type")
    if code in OUT_OF_CREDIT or kind in OUT_OF_CREDIT:
        return Failure("exhausted", spent=True)
    if code in THROTTLED or kind in THROTTLED:
        return Failure("throttled", spent=True)
    if kind == "invalid_request_error":
        return Failure("refused", spent=True, ours=True)
    return Failure("failed", spent=True)


def _wished(instructions: str, voice: str) -> Mapping[str, Any]:
    sound = {"type": "audio/pcm", "rate": RATE}
    heard = {"format": sound, "transcription": {"model": HEARD_BY}, "turn_detection": {"type": "server_vad"}}
    spoken = {"format": sound, "voice": voice} if voice else {"format": sound}
    return {
        "type": "realtime",
        "instructions": instructions,
        "output_modalities": ["audio"],
        "audio": {"input": heard, "output": spoken},
    }
