"""What /v1/realtime tells its clients: OpenAI's events for transcription."""

from math import ceil
from typing import Any

from voice_api.errors import VoiceApiError
from voice_api.http.listening import Heard
from voice_api.http.realtime_wish import SessionSettings
from voice_api.http.replies import error_kind
from voice_api.http.wishes import emotions_of, members_of
from voice_api.speech.protocol import SAMPLE_RATE

TRANSCRIPTION = "conversation.item.input_audio_transcription"


def session_event(kind: str, identity: str, settings: SessionSettings, model: str) -> dict[str, Any]:
    """session.created or .updated; in the older dialect transcription_session.created or .updated."""
    parts = listening_parts(settings, model)
    session: dict[str, Any] = {"id": identity, "object": "realtime.transcription_session"}
    if kind.startswith("transcription_session"):
        session |= {
            "input_audio_format": "pcm16",
            "input_audio_transcription": parts["transcription"],
            "turn_detection": parts["turn_detection"],
        }
    else:
        session |= {"type": "transcription", "audio": {"input": parts}}
    return {"type": kind, "session": session}


def listening_parts(settings: SessionSettings, model: str) -> dict[str, Any]:
    """How a session listens, as audio.input has it."""
    turns = settings.turns
    detection = turns and {
        "type": "server_vad",
        "threshold": turns.threshold,
        "prefix_padding_ms": round(turns.prefix_seconds * 1000),
        "silence_duration_ms": round(turns.silence_seconds * 1000),
    }
    transcription = {
        "model": settings.model or model,
        "language": settings.language,
        "prompt": settings.prompt or "",
        "keywords": list(settings.keywords),
    }
    form = {"type": "audio/pcm", "rate": settings.rate}
    return {
        "format": form,
        "transcription": transcription,
        "turn_detection": detection,
        "noise_reduction": None,
    }


def error_event(error: VoiceApiError, caused_by: str | None = None) -> dict[str, Any]:
    """An error; the session stays open unless a close follows."""
    return {"type": "error", "error": {**error_of(error), "event_id": caused_by}}


def speech_started(item: str, sample: int) -> dict[str, Any]:
    return {"type": "input_audio_buffer.speech_started", "item_id": item, "audio_start_ms": _ms(sample)}


def speech_stopped(item: str, sample: int) -> dict[str, Any]:
    return {"type": "input_audio_buffer.speech_stopped", "item_id": item, "audio_end_ms": _ms(sample)}


def committed(item: str, previous: str | None) -> dict[str, Any]:
    return {"type": "input_audio_buffer.committed", "item_id": item, "previous_item_id": previous}


def item_created(item: str, previous: str | None) -> dict[str, Any]:
    content = [{"type": "input_audio", "transcript": None}]
    message = {"id": item, "object": "realtime.item", "type": "message", "status": "completed"}
    return {
        "type": "conversation.item.created",
        "previous_item_id": previous,
        "item": {**message, "role": "user", "content": content},
    }


def delta(item: str, text: str) -> dict[str, Any]:
    return {"type": f"{TRANSCRIPTION}.delta", "item_id": item, "content_index": 0, "delta": text}


def completed(item: str, text: str, heard: Heard, contradicted: bool) -> dict[str, Any]:
    """The end of an utterance; doubtful also where the whole was heard otherwise than its beginning.

    Beside OpenAI's members, `heard` is what the whole was heard as: the transcript is what was told.
    """
    transcript = heard.transcript
    return {
        "type": f"{TRANSCRIPTION}.completed",
        "item_id": item,
        "content_index": 0,
        "transcript": text,
        "usage": {"type": "duration", "seconds": ceil(transcript.duration_seconds)},
        "heard": transcript.text,
        "confidence": transcript.confidence,
        "doubtful": transcript.doubtful or contradicted,
        "empty_because": transcript.reason,
        **members_of(heard.answered),
        **emotions_of(transcript),
    }


def failed(item: str, error: VoiceApiError) -> dict[str, Any]:
    return {"type": f"{TRANSCRIPTION}.failed", "item_id": item, "content_index": 0, "error": error_of(error)}


def error_of(error: VoiceApiError) -> dict[str, Any]:
    """An error as a member of an event."""
    return {
        "type": error_kind(error.status),
        "code": error.code,
        "message": f"{error.message}; {error.fix}",
        "param": error.param,
    }


def _ms(sample: int) -> int:
    return round(sample * 1000 / SAMPLE_RATE)
