"""Speaks a sentence to the voice API as sound, and compares what it heard and did."""

from collections.abc import Mapping
from typing import Any

from kvx.drivers import voice_api
from kvx.drivers.process import serving_state
from kvx.errors import KvxError
from kvx.steps.service import SpeakAndCompare
from kvx.world import Outcome, World


def speak_and_compare(step: SpeakAndCompare, world: World) -> Outcome:
    """The turn as data; KvxError with exit code 1 when words or intent differ."""
    data = turn(step, world)
    wrong = difference(step, data)
    if wrong:
        raise wrong
    return Outcome(changed=False, lines=(f"heard: {data['heard']}",), data=data)


def turn(step: SpeakAndCompare, world: World) -> dict[str, object]:
    """Speak the sentence to the voice API of this machine; all that came back."""
    return turn_at(voice_api.address_of(serving_state(step.folder)), step, world)


def turn_at(address: str, step: SpeakAndCompare, world: World) -> dict[str, object]:
    """Speak the sentence to whatever answers there, let the sound be heard, and keep all that came back."""
    world.progress(f"speaking with the voice {step.voice}")
    sound = voice_api.speech(address, step.sentence, step.voice, step.deadline_seconds)
    world.progress("listening")
    answer = voice_api.command_from_sound(address, sound, speak=True, deadline_seconds=step.deadline_seconds)
    return kept(step, address, answer)


def difference(step: SpeakAndCompare, data: Mapping[str, object]) -> KvxError | None:
    """What was heard or done otherwise than meant."""
    fix = "kvx verify tries again; kvx deploy --model NAME takes another model"
    if not same_words(step.sentence, str(data["heard"])):
        heard = f'it heard "{data["heard"]}"' if data["heard"] else "it heard nothing"
        return KvxError(f'"{step.sentence}" was spoken, and {heard}', fix)
    if data["doubtful"]:
        return KvxError(f'"{step.sentence}" was heard, but with too little confidence to act on it', fix)
    if data["intent"] != step.intent:
        message = f'"{step.sentence}" was understood as {data["intent"]}, not as {step.intent}'
        return KvxError(message, "kvx deploy, if the voice API is older than kvx")
    return None


def same_words(one: str, other: str) -> bool:
    """Whether two sentences have the same words; case and punctuation do not count."""
    return _words(one) == _words(other)


def _words(sentence: str) -> list[str]:
    kept = "".join(letter if letter.isalnum() or letter == "'" else " " for letter in sentence.lower())
    return kept.split()


def kept(step: SpeakAndCompare, address: str, answer: Mapping[str, Any]) -> dict[str, object]:
    """What is told of an answer of POST /v1/commands."""
    heard, intent = answer.get("heard") or {}, answer.get("intent") or {}
    return {
        "spoken": step.sentence,
        "voice": step.voice,
        "heard": heard.get("text", ""),
        "confidence": heard.get("confidence"),
        "doubtful": bool(heard.get("doubtful")),
        "intent": intent.get("name"),
        "expected_intent": step.intent,
        "reply": answer.get("reply"),
        "notice": (answer.get("data") or {}).get("notice"),
        "counted": (answer.get("data") or {}).get("of"),
        "audio_seconds": heard.get("duration_seconds"),
        "timings_ms": answer.get("timings_ms", {}),
        "address": address,
    }
