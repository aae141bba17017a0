"""Speaks by asking elsewhere: OpenAI's /v1/audio/speech, of a provider or another kvx, and ElevenLabs."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from voice_api.engines.calls import Answer, Calls, Letter
from voice_api.engines.failure import OUT_OF_CREDIT, EngineFailedError, Failure, Key, of_status
from voice_api.engines.loop import nothing
from voice_api.engines.sounds import at_rate, bare_samples, wav_sound
from voice_api.errors import VoiceApiError
from voice_api.speech.protocol import Voice

SAMPLE_RATE = 24_000
DEADLINE_SECONDS = 1.2
PIECE_SAMPLES = SAMPLE_RATE // 5
SLOWEST_AT_ELEVENLABS, FASTEST_AT_ELEVENLABS = 0.7, 1.2


class Dialect(Protocol):
    """How one provider is asked, and what its answers mean."""

    def letter(self, text: str, voice: str | None, speed: float) -> Letter: ...

    def sound(self, body: bytes) -> NDArray[np.int16] | None:
        """Samples of SAMPLE_RATE; None where it is no sound."""
        ...

    def refusal(self, status: int, body: bytes, retry_after: str | None) -> Failure: ...


@dataclass(frozen=True, slots=True)
class DistantSpeaker:
    """A Speaker; blocking, and safe to use from several threads at once.

    key               asked before each call
    deadline_seconds  of a call, until its last byte: texts are to be short
    """

    name: str
    calls: Calls
    dialect: Dialect
    key: Key
    deadline_seconds: float = DEADLINE_SECONDS

    @property
    def sample_rate(self) -> int:
        return SAMPLE_RATE

    def voices(self) -> tuple[Voice, ...]:
        """Which there are, its provider tells."""
        return ()

    def speak(self, text: str, voice: str | None, speed: float) -> Iterator[NDArray[np.int16]]:
        """EngineFailedError at once, before the first piece, when not all of it was made in time."""
        samples = self._made(self.dialect.letter(text, voice, speed))
        return (samples[at : at + PIECE_SAMPLES] for at in range(0, samples.size, PIECE_SAMPLES))

    def _made(self, letter: Letter) -> NDArray[np.int16]:
        try:
            key = self.key()
        except VoiceApiError:
            raise self._failed(Failure("no_key", spent=False, ours=True)) from None
        answer = self.calls.post(letter, key, self.deadline_seconds, nothing)
        match answer:
            case Failure():
                raise self._failed(answer)
            case Answer(200, _, body):
                samples = self.dialect.sound(body)
            case Answer(status, retry_after, body):
                raise self._failed(self.dialect.refusal(status, body, retry_after))
        if samples is None or not samples.size:
            raise self._failed(Failure("failed", spent=True))
        return samples

    def _failed(self, failure: Failure) -> EngineFailedError:
        return EngineFailedError(self.name, failure)


@dataclass(frozen=True, slots=True)
class OpenAiSpeech:
    """voice is the one of the settings; where there is none, the caller's."""

    model: str
    voice: str = ""

    def letter(self, text: str, voice: str | None, speed: float) -> Letter:
        spoken = self.voice or voice or "alloy"
        body = {"model": self.model, "input": text, "voice": spoken, "response_format": "wav", "speed": speed}
        return Letter("audio/speech", body)

    def sound(self, body: bytes) -> NDArray[np.int16] | None:
        sound = wav_sound(body)
        return None if sound is None else at_rate(sound[1], sound[0], SAMPLE_RATE)

    def refusal(self, status: int, body: bytes, retry_after: str | None) -> Failure:
        code = _object(body, "error").get("code")
        return of_status(status, code if isinstance(code, str) else None, retry_after, datetime.now(UTC))


@dataclass(frozen=True, slots=True)
class ElevenLabsSpeech:
    """voice is an id of ElevenLabs; names of others' voices mean nothing there."""

    model: str
    voice: str

    def letter(self, text: str, voice: str | None, speed: float) -> Letter:
        spoken = voice if voice and VOICE_ID.fullmatch(voice) else self.voice
        settings = {"speed": min(max(speed, SLOWEST_AT_ELEVENLABS), FASTEST_AT_ELEVENLABS)}
        body = {"text": text, "model_id": self.model, "voice_settings": settings}
        return Letter(f"v1/text-to-speech/{spoken}", body, {"output_format": f"pcm_{SAMPLE_RATE}"})

    def sound(self, body: bytes) -> NDArray[np.int16] | None:
        return None if body[:1] in (b"{", b"<") else bare_samples(body)

    def refusal(self, status: int, body: bytes, retry_after: str | None) -> Failure:
        told = _object(body, "detail").get("status")
        code = next(iter(OUT_OF_CREDIT)) if told == "quota_exceeded" else None
        return of_status(429 if code else status, code, retry_after, datetime.now(UTC))


VOICE_ID = re.compile(r"[A-Za-z0-9]{20}")


def elevenlabs_headers(key: str) -> Mapping[str, str]:
    return {"xi-api-key": key}


def _object(body: bytes, name: str) -> Mapping[str, object]:
    """The object of that name in a JSON object; empty where there is none."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    found = content.get(name) if isinstance(content, dict) else None
    return found if isinstance(found, dict) else {}
