"""What /v1/conversation tells of itself: OpenAI's session of type realtime."""

from collections.abc import Mapping
from typing import Any

from voice_api.http.conversation_wish import ConversationSettings
from voice_api.http.realtime_events import listening_parts


def session_event(
    kind: str, identity: str, settings: ConversationSettings, model: str, about: Mapping[str, object]
) -> dict[str, Any]:
    """session.created or .updated; `about` are members of our own."""
    heard = listening_parts(settings.listening, model)
    if heard["turn_detection"]:
        answered = {"create_response": settings.creates, "interrupt_response": settings.interrupts}
        heard = {**heard, "turn_detection": {**heard["turn_detection"], **answered}}
    form = {"type": "audio/pcm", "rate": settings.rate}
    spoken = {"format": form, "voice": settings.voice, "speed": settings.speed}
    session = {
        "id": identity,
        "object": "realtime.session",
        "type": "realtime",
        "model": model,
        "output_modalities": ["audio" if settings.aloud else "text"],
        "instructions": settings.instructions,
        "tools": [],
        "audio": {"input": heard, "output": spoken},
        "wake_phrase": settings.wake_phrase,
    }
    return {"type": kind, "session": {**session, **about}}
