"""Any server of OpenAI's /v1/audio/transcriptions as an engine: a provider's, or another kvx."""

import io
import json
import time
import wave
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from voice_api.engines.calls import Answer, Calls, Form
from voice_api.engines.failure import EngineFailedError, Failure, Key, of_status
from voice_api.engines.sounds import as_bytes
from voice_api.errors import VoiceApiError
from voice_api.speech.protocol import ALONE, SAMPLE_RATE, Company, Segment, TranscribeOptions, Transcript

DEADLINE_SECONDS = 1.2
ADDRESS = "https://api.openai.com/v1"
MODEL = "whisper-1"
PATH = "audio/transcriptions"


@dataclass(frozen=True, slots=True)
class OpenAiListener:
    """Hears by asking elsewhere; blocking, and safe to call from several threads at once.

    key               asked before each call
    deadline_seconds  of a call, whatever trickles in meanwhile
    """

    name: str
    calls: Calls
    model: str
    key: Key
    deadline_seconds: float = DEADLINE_SECONDS

    def transcribe(
        self, samples: NDArray[np.float32], options: TranscribeOptions, company: Company = ALONE
    ) -> Transcript:
        """EngineFailedError when there is no answer in time; it was sent, and may have been paid for."""
        started = time.monotonic()
        heard = self._asked(samples, options, company.go_on)
        if isinstance(heard, Failure):
            raise EngineFailedError(self.name, heard)
        transcript = _transcript(heard, len(samples) / SAMPLE_RATE, options, time.monotonic() - started)
        if transcript is None:
            raise EngineFailedError(self.name, Failure("failed", spent=True))
        company.tell(transcript.segments)
        return transcript

    def _asked(
        self, samples: NDArray[np.float32], options: TranscribeOptions, go_on: Callable[[], None]
    ) -> bytes | Failure:
        try:
            key = self.key()
        except VoiceApiError:
            return Failure("no_key", spent=False, ours=True)
        files = {"file": ("sound.wav", _wav(samples), "audio/wav")}
        form = Form(PATH, _fields(self.model, options), files)
        answer = self.calls.post(form, key, self.deadline_seconds, go_on)
        match answer:
            case Answer(200, _, body):
                return body
            case Answer(status, retry_after, body):
                return of_status(status, _error_code(body), retry_after, datetime.now(UTC))
            case Failure():
                return answer


def _fields(model: str, options: TranscribeOptions) -> dict[str, str]:
    fields = {"model": model, "response_format": "json", "temperature": f"{options.temperature:g}"}
    if options.language:
        fields["language"] = options.language
    if options.prompt:
        fields["prompt"] = options.prompt
    return fields


def _wav(samples: NDArray[np.float32]) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(SAMPLE_RATE)
        sound.writeframes(as_bytes(samples))
    return file.getvalue()


def _transcript(
    body: bytes, seconds: float, options: TranscribeOptions, took_seconds: float
) -> Transcript | None:
    """What the answer says; None when it is none."""
    content = _json(body)
    text = content.get("text")
    if not isinstance(text, str):
        return None
    segment = Segment(0.0, seconds, text, 0.0, 0.0, ())
    return Transcript(
        text=text,
        language=options.language or "",
        duration_seconds=seconds,
        segments=(segment,) if text.strip() else (),
        confidence=None,
        doubtful=False,
        reason=None,
        timings_ms={"cloud": took_seconds * 1000},
        billed_seconds=_billed(content.get("usage")),
    )


def _billed(usage: object) -> float | None:
    seconds = usage.get("seconds") if isinstance(usage, dict) else None
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return None
    return float(seconds) if isfinite(seconds) and 0 <= seconds < 1e6 else None


def _error_code(body: bytes) -> str | None:
    error = _json(body).get("error")
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, str) else None


def _json(body: bytes) -> dict[str, object]:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}
