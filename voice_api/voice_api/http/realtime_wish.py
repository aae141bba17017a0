"""What a client may say on /v1/realtime: OpenAI's events for transcription, checked."""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from voice_api.errors import VoiceApiError
from voice_api.http.transcription_wish import checked_keywords, checked_prompt, language
from voice_api.speech.turns import TurnSettings

RATES = (16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
"""Of sound that comes; OpenAI's own is 24 kHz, microphones have others."""

SHORTEST_SILENCE_MS, LONGEST_MS = 100, 10_000
Json: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """How one session listens; turns is None when the client says itself where an utterance ends."""

    rate: int = 24_000
    model: str | None = None
    language: str | None = None
    prompt: str | None = None
    keywords: tuple[str, ...] = ()
    turns: TurnSettings | None = field(default_factory=TurnSettings)


def read_event(text: str | None) -> Json:
    """One event of the client; VoiceApiError for what is no JSON object with a type, and for no text."""
    if text is None:
        raise VoiceApiError("bad_event", "the message is binary", "send JSON as text")
    try:
        event = json.loads(text)
    except (ValueError, RecursionError):
        raise VoiceApiError("bad_json", "the event is no JSON", "send one JSON object a message") from None
    if not isinstance(event, dict) or not isinstance(event.get("type"), str):
        message = "the event is no JSON object with a type"
        raise VoiceApiError("bad_event", message, 'send for example {"type": "input_audio_buffer.commit"}')
    return event


def read_audio(event: Json) -> bytes:
    """The samples of input_audio_buffer.append, 16 bit each."""
    audio = event.get("audio")
    try:
        sound = base64.b64decode(audio, validate=True) if isinstance(audio, str) else b""
    except (binascii.Error, ValueError):
        sound = b""
    if not sound or len(sound) % 2:
        message = "audio is no base64 of 16 bit samples"
        raise VoiceApiError("bad_audio", message, "send whole samples of pcm16", param="audio")
    return sound


def updated(settings: SessionSettings, event: Json) -> SessionSettings:
    """The settings after session.update or transcription_session.update; only what is named changes.

    VoiceApiError for what cannot be had, and then nothing changes.
    """
    session = member(event, "session")
    if event["type"] == "session.update":
        if session.get("type", "transcription") != "transcription":
            raise cannot("session.type", session["type"], "transcription")
        wish = member(member(session, "audio"), "input")
        settings = _with_format(settings, wish)
    else:
        wish = {name.removeprefix("input_audio_"): value for name, value in session.items()}
        if wish.get("format", "pcm16") != "pcm16":
            raise cannot("input_audio_format", wish["format"], "pcm16")
    if wish.get("noise_reduction") is not None:
        raise cannot("noise_reduction", wish["noise_reduction"], "null")
    if session.get("include"):
        raise cannot("include", session["include"], "nothing: single tokens' probabilities are not kept")
    if "transcription" in wish:
        settings = _with_transcription(settings, member(wish, "transcription"))
    return replace(settings, turns=_turns(wish)) if "turn_detection" in wish else settings


def _with_format(settings: SessionSettings, wish: Json) -> SessionSettings:
    if wish.get("format") is None:
        return settings
    form = member(wish, "format")
    rate = form.get("rate", 24_000)
    if form.get("type") != "audio/pcm":
        raise cannot("format.type", form.get("type"), "audio/pcm")
    if rate not in RATES:
        raise cannot("format.rate", rate, ", ".join(map(str, RATES)))
    return replace(settings, rate=rate)


def _with_transcription(settings: SessionSettings, wish: Json) -> SessionSettings:
    for name in ("delay", "languages"):
        if wish.get(name):
            raise cannot(f"transcription.{name}", wish[name], "left out")
    keywords = wish.get("keywords") or []
    texts = [wish.get(name) for name in ("model", "language", "prompt")]
    if not isinstance(keywords, list) or not all(isinstance(each, str) for each in keywords):
        raise cannot("transcription.keywords", keywords, "a list of texts")
    if not all(each is None or isinstance(each, str) for each in texts):
        raise cannot("transcription", wish, "texts")
    model, code, prompt = texts
    return replace(
        settings,
        model=model,
        language=language(code),
        prompt=checked_prompt(prompt),
        keywords=checked_keywords(tuple(keywords)),
    )


def _turns(wish: Json) -> TurnSettings | None:
    if wish["turn_detection"] is None:
        return None
    turn = member(wish, "turn_detection")
    if turn.get("type", "server_vad") != "server_vad":
        raise cannot("turn_detection.type", turn["type"], "server_vad or null")
    return TurnSettings(
        threshold=_number(turn, "threshold", 0.5, 0, 1),
        prefix_seconds=_number(turn, "prefix_padding_ms", 300, 0, LONGEST_MS) / 1000,
        silence_seconds=_number(turn, "silence_duration_ms", 500, SHORTEST_SILENCE_MS, LONGEST_MS) / 1000,
    )


def _number(source: Json, name: str, otherwise: float, least: float, most: float) -> float:
    value = source.get(name)
    if value is None:
        return otherwise
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise cannot(f"turn_detection.{name}", value, f"from {least:g} to {most:g}")
    return float(value)


def member(source: Json, name: str) -> dict[str, Any]:
    """A member that is an object; an empty one where there is none."""
    value = source.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise cannot(name, value, "an object")
    return value


def cannot(param: str, value: object, possible: str) -> VoiceApiError:
    """For what cannot be had."""
    message = f"{param} cannot be {str(value)[:64]!r}"
    return VoiceApiError("unsupported_value", message, f"possible: {possible}", param=param)
