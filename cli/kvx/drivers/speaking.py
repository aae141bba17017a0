"""Speaks a sentence to the voice API as sound, and compares what it heard and did."""

from collections.abc import Mapping
from typing import Any

from kvx.drivers import voice_api
from kvx.drivers.process import running_state
from kvx.errors import ExitCode, KvxError
from kvx.plan import SpeakAndCompare
from kvx.supervisor.records import State
from kvx.world import Outcome, World


def speak_and_compare(step: SpeakAndCompare, world: World) -> Outcome:
    """The turn as data; KvxError with exit code 1 when words or intent differ."""
    address = voice_api.address_of(deployed(step))
    world.progress(f"speaking with the voice {step.voice}")
    sound = voice_api.speech(address, step.sentence, step.voice, step.deadline_seconds)
    world.progress("listening")
    answer = voice_api.command_from_sound(address, sound, speak=True, deadline_seconds=step.deadline_seconds)
    data = _turn(step, address, answer)
    _compare(step, data)
    return Outcome(changed=False, lines=(f"heard: {data['heard']}",), data=data)


def deployed(step: SpeakAndCompare) -> State:
    state = running_state(step.folder)
    if state is None or state.serving is None:
        raise KvxError("no voice API is deployed here", "kvx deploy", ExitCode.MISSING)
    return state


def same_words(one: str, other: str) -> bool:
    """Whether two sentences have the same words; case and punctuation do not count."""
    return _words(one) == _words(other)


def _words(sentence: str) -> list[str]:
    kept = "".join(letter if letter.isalnum() or letter == "'" else " " for letter in sentence.lower())
    return kept.split()


def _turn(step: SpeakAndCompare, address: str, answer: Mapping[str, Any]) -> dict[str, object]:
    heard, intent = answer.get("heard") or {}, answer.get("intent") or {}
    return {
        "spoken": step.sentence,
        "voice": step.voice,
        "heard": heard.get("text", ""),
        "confidence": heard.get("confidence"),
        "intent": intent.get("name"),
        "expected_intent": step.intent,
        "reply": answer.get("reply"),
        "notice": (answer.get("data") or {}).get("notice"),
        "audio_seconds": heard.get("duration_seconds"),
        "timings_ms": answer.get("timings_ms", {}),
        "address": address,
    }


def _compare(step: SpeakAndCompare, data: Mapping[str, object]) -> None:
    fix = "kvx verify tries again; kvx deploy --model NAME takes another model"
    if not same_words(step.sentence, str(data["heard"])):
        heard = f'it heard "{data["heard"]}"' if data["heard"] else "it heard nothing"
        raise KvxError(f'"{step.sentence}" was spoken, and {heard}', fix)
    if data["intent"] != step.intent:
        message = f'"{step.sentence}" was understood as {data["intent"]}, not as {step.intent}'
        raise KvxError(message, "kvx deploy, if the voice API is older than kvx")
