"""What a client may wish of a conversation: OpenAI's session of type realtime, checked."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from voice_api.commands.wake import MOST_CHARACTERS
from voice_api.errors import VoiceApiError
from voice_api.http.realtime_wish import Json, SessionSettings, cannot, member, updated
from voice_api.http.transcription_wish import checked_prompt

SLOWEST, FASTEST = 0.25, 4.0
SPOKEN_RATES = (16_000, 24_000)
Answers = Literal["commands", "engine"]
"""Who answers: the command core of this service, or the engine that converses by itself."""


@dataclass(frozen=True, slots=True)
class ConversationSettings:
    """How one conversation is held.

    listening     how it is listened to
    rate          of the sound that is spoken
    aloud         whether replies are spoken; else they come as text
    creates       whether every utterance is answered, without being asked to
    interrupts    whether who begins to speak cuts off what is being said; whoever wishes that has no
                  loudspeaker in the microphone, and else what comes back from it is left unanswered
    wake_phrase   what a speech has to begin with where none is under way; empty is nothing
    instructions  for an engine that converses by itself
    """

    listening: SessionSettings = field(default_factory=SessionSettings)
    rate: int = 24_000
    voice: str | None = None
    speed: float = 1.0
    aloud: bool = True
    creates: bool = True
    interrupts: bool = True
    wake_phrase: str = ""
    instructions: str = ""


def answers_of(query: Mapping[str, str]) -> Answers:
    """VoiceApiError 400 for somebody who answers nobody."""
    for known in get_args(Answers):
        if query.get("answers", "commands") == known:
            return known  # type: ignore[no-any-return]  # the members of a Literal are its values
    raise cannot("answers", query["answers"], "commands or engine")


def wished_of(settings: ConversationSettings, event: Json) -> ConversationSettings:
    """The settings after session.update; only what is named changes.

    VoiceApiError for what cannot be had, and then nothing changes.
    """
    session = member(event, "session")
    if session.get("type", "realtime") != "realtime":
        raise cannot("session.type", session["type"], "realtime")
    for name in ("tools", "prompt", "include"):
        if session.get(name):
            raise cannot(f"session.{name}", session[name], "nothing: who answers knows what can be done")
    sound = member(session, "audio")
    heard, spoken = member(sound, "input"), member(sound, "output")
    listening = updated(
        settings.listening, {"type": "session.update", "session": {"audio": {"input": heard}}}
    )
    turns = member(heard, "turn_detection")
    return replace(
        settings,
        listening=listening,
        rate=_rate(spoken, settings.rate),
        voice=_text(spoken, "voice", settings.voice or "") or None,
        speed=_speed(spoken, settings.speed),
        aloud=_aloud(session, settings.aloud),
        creates=_switch(turns, "create_response", settings.creates),
        interrupts=_switch(turns, "interrupt_response", settings.interrupts),
        wake_phrase=wake_phrase(_text(session, "wake_phrase", settings.wake_phrase)),
        instructions=checked_prompt(_text(session, "instructions", settings.instructions)) or "",
    )


def wake_phrase(phrase: str) -> str:
    """VoiceApiError for one that nobody says."""
    if len(phrase) > MOST_CHARACTERS or not phrase.isprintable():
        raise cannot("wake_phrase", phrase, f"a few words of {MOST_CHARACTERS} characters at most")
    return phrase.strip()


def _rate(spoken: Json, otherwise: int) -> int:
    form = member(spoken, "format")
    if not form:
        return otherwise
    if form.get("type") != "audio/pcm":
        raise cannot("output.format.type", form.get("type"), "audio/pcm")
    rate = form.get("rate", 24_000)
    if rate not in SPOKEN_RATES or isinstance(rate, bool):
        raise cannot("output.format.rate", rate, "16000 or 24000")
    return int(rate)


def _speed(spoken: Json, otherwise: float) -> float:
    speed = spoken.get("speed")
    if speed is None:
        return otherwise
    if isinstance(speed, bool) or not isinstance(speed, int | float) or not SLOWEST <= speed <= FASTEST:
        raise cannot("output.speed", speed, f"from {SLOWEST:g} to {FASTEST:g}")
    return float(speed)


def _aloud(session: Json, otherwise: bool) -> bool:
    wished = session.get("output_modalities")
    if wished is None:
        return otherwise
    if wished not in (["audio"], ["text"]):
        raise cannot("output_modalities", wished, '["audio"] or ["text"]')
    return bool(wished == ["audio"])


def _switch(source: Mapping[str, Any], name: str, otherwise: bool) -> bool:
    value = source.get(name, otherwise)
    if not isinstance(value, bool):
        raise cannot(f"turn_detection.{name}", value, "true or false")
    return value


def _text(source: Json, name: str, otherwise: str) -> str:
    value = source.get(name)
    if value is None:
        return otherwise
    if not isinstance(value, str):
        raise VoiceApiError("unsupported_value", f"{name} is no text", "send a text", param=name)
    return value
