"""Hume's EVI: sound both ways, in the words of Hume's own library, on a socket of ours.

The library would follow a redirect with the key, tell the key in its errors, lose Retry-After, and close at
messages of more than 1 MiB; so it is given a socket that is open already.
"""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

import numpy as np
from hume.empathic_voice.chat.socket_client import ChatSocketClient
from hume.empathic_voice.types import (
    AssistantEnd,
    AssistantMessage,
    AudioConfiguration,
    AudioInput,
    AudioOutput,
    ChatMetadata,
    PauseAssistantMessage,
    SessionSettings,
    SubscribeEvent,
    ToolCallMessage,
    ToolErrorMessage,
    UserInterruption,
    UserMessage,
    WebSocketError,
)
from numpy.typing import NDArray
from pydantic import ValidationError

from voice_api.engines.engine import Happening
from voice_api.engines.evi_wire import Wire
from voice_api.engines.failure import EngineFailedError, Failure, Key
from voice_api.engines.loop import Loop, nothing
from voice_api.engines.sockets import Opening, Socket, opened, socket_address
from voice_api.engines.sounds import as_base64, of_base64, wav_sound
from voice_api.errors import VoiceApiError
from voice_api.speech.protocol import SAMPLE_RATE

log = logging.getLogger("voice_api.engines")
ADDRESS = "https://api.hume.ai"
PIECE_SAMPLES = SAMPLE_RATE // 10
LONGEST_SECONDS = 1_800.0
"""EVI closes a chat after half an hour."""

DEADLINE_SECONDS = 1.2


@dataclass(frozen=True, slots=True)
class EviConverser:
    """Opens chats; safe to use from several threads at once.

    config  id of a configuration at Hume; "" is its default
    key     asked before each chat
    """

    name: str
    loop: Loop
    key: Key
    address: str = ADDRESS
    config: str = ""
    deadline_seconds: float = DEADLINE_SECONDS

    def converse(self, instructions: str) -> "EviConversation":
        return self.begun(instructions, nothing)

    def begun(self, instructions: str, go_on: Callable[[], None]) -> "EviConversation":
        """As converse, or what `go_on` raises meanwhile."""
        until = time.monotonic() + self.deadline_seconds
        wire = Wire(self.name, self._opened(go_on), go_on, until)
        conversation = EviConversation(self.name, wire)
        try:
            conversation.begin(instructions)
        except BaseException:
            conversation.end()
            raise
        return conversation

    def _opened(self, go_on: Callable[[], None]) -> Socket:
        try:
            headers = {"X-Hume-Api-Key": self.key()}
        except VoiceApiError:
            raise EngineFailedError(self.name, Failure("no_key", spent=False, ours=True)) from None
        wished = {"config_id": self.config} if self.config else {}
        query = urlencode({**wished, "verbose_transcription": "false"})
        address = f"{socket_address(self.address)}/v0/evi/chat?{query}"
        return opened(self.name, self.loop, Opening(address, headers, self.deadline_seconds), go_on)


class EviConversation:
    """One chat."""

    def __init__(self, engine: str, wire: Wire) -> None:
        self._engine = engine
        self._wire = wire
        # It asks for no more of a connection than to send and to receive.
        self._client = ChatSocketClient(websocket=wire)  # type: ignore[arg-type]
        self._ended = False

    def begin(self, instructions: str) -> None:
        """Say what is sent, and wait for EVI's greeting."""
        sound = AudioConfiguration(encoding="linear16", channels=1, sample_rate=SAMPLE_RATE)
        self._client.send_publish(SessionSettings(audio=sound, system_prompt=instructions or None))
        while not isinstance(self._event(), ChatMetadata):
            pass
        self._wire.go_on = nothing
        self._wire.until = time.monotonic() + LONGEST_SECONDS

    def send(self, samples: NDArray[np.float32]) -> None:
        for start in range(0, samples.size, PIECE_SAMPLES):
            piece = samples[start : start + PIECE_SAMPLES]
            self._client.send_publish(AudioInput(data=as_base64(piece)))

    def only_listen(self) -> None:
        """EVI answers nothing from here on."""
        self._client.send_publish(PauseAssistantMessage())

    def happening(self, seconds: float, go_on: Callable[[], None]) -> Happening:
        """The next thing that happens, within so many seconds."""
        before = self._wire.until, self._wire.go_on
        self._wire.until, self._wire.go_on = min(before[0], time.monotonic() + seconds), go_on
        try:
            while (happening := self._told(self._event())) is None:
                pass
            return happening
        finally:
            self._wire.until, self._wire.go_on = before

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
        self._wire.close()

    def _event(self) -> SubscribeEvent:
        """The next message that the library knows; others are let pass."""
        while True:
            try:
                event = self._client.recv()
            except ValidationError:
                log.info("unknown message", extra={"engine": self._engine})
                continue
            if isinstance(event, WebSocketError):
                raise EngineFailedError(self._engine, of_error(event.code, event.slug))
            return event

    def _told(self, event: SubscribeEvent) -> Happening | None:
        match event:
            case UserMessage(interim=False):
                return Happening("heard", event.message.content or "", emotions=self._wire.emotions)
            case AssistantMessage():
                return Happening("said", event.message.content or "", emotions=self._wire.emotions)
            case AudioOutput():
                return self._sound(event)
            case AssistantEnd():
                return Happening("answered")
            case UserInterruption():
                return Happening("interrupted")
            case ToolCallMessage(response_required=True):
                self._refuse_tool(event)
        return None

    def _sound(self, event: AudioOutput) -> Happening:
        sound = wav_sound(of_base64(event.data) or b"")
        if sound is None:
            raise EngineFailedError(self._engine, Failure("failed", spent=True))
        rate, samples = sound
        return Happening("sound", samples=samples, sample_rate=rate)

    def _refuse_tool(self, event: ToolCallMessage) -> None:
        """Whatever its configuration says: nothing is done here at EVI's word."""
        refusal = ToolErrorMessage(error="there are no tools here", tool_call_id=event.tool_call_id)
        self._client.send_publish(refusal)


def of_error(code: str, slug: str) -> Failure:
    """What an error of EVI means; its documentation does not list all codes, so the slug is asked as well."""
    if code in ("E0300", "E0301") or any(word in slug for word in ("credit", "monthly", "usage_limit")):
        return Failure("exhausted", spent=True)
    if code.startswith(("E03", "E04")) or any(word in slug for word in ("rate", "limit", "concurren")):
        return Failure("throttled", spent=True)
    if code.startswith("E01"):
        return Failure("refused", spent=True, ours=True)
    return Failure("failed", spent=True)
