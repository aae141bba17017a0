"""The kinds of engines, ours and those that others bring, and how one is made of what its user says."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import EntryPoint, entry_points

from voice_api.engines.engine import LOCAL, Converser, Engine, Price, Task
from voice_api.engines.failure import Key
from voice_api.errors import VoiceApiError
from voice_api.speech.protocol import Listener, Speaker

GROUP = "voice_api.engines"
"""Of entry points: the name of one is a kind, and it is called with a Description and gives an Engine."""

DEADLINE_SECONDS = 1.2
"""Of a call: with it, a failed one adds less than 1.5 s."""


@dataclass(frozen=True, slots=True)
class Description:
    """An engine as its user says it is.

    name     as replies, figures and the ledger tell it
    key      asked before each call
    address  "" is the provider's own
    models   by task; EVI's is the id of a configuration
    tasks    None is all that its kind can do
    voice    that it speaks with; "" is the caller's, or the provider's own
    """

    name: str
    kind: str
    key: Key
    address: str = ""
    models: Mapping[Task, str] = field(default_factory=dict)
    tasks: frozenset[Task] | None = None
    voice: str = ""
    price: Price = field(default_factory=Price)
    quality: int = 0
    at_once: int | None = None
    deadline_seconds: float = DEADLINE_SECONDS


Maker = Callable[[Description], Engine]


def engine_kinds() -> tuple[str, ...]:
    """Ours and those of entry points, by name."""
    return tuple(sorted({*_OURS, *_brought()}))


def engine_of(description: Description) -> Engine:
    """VoiceApiError for a kind that is not there or a task it cannot do."""
    if description.name == LOCAL:
        raise VoiceApiError("bad_engine", "an engine cannot be called local", "choose another name", 500)
    engine = _maker(description.kind)(description)
    for task in description.tasks or ():
        if not engine.can(task):
            message = f"the engine {description.name} is to {task}, which {description.kind} cannot"
            raise VoiceApiError("bad_engine", message, "leave the task out, or choose another kind", 500)
    return _only(engine, description.tasks)


def _maker(kind: str) -> Maker:
    """Ours first: nobody takes the place of one of them, and with it its key."""
    if ours := _OURS.get(kind):
        return ours
    if brought := _brought().get(kind):
        maker: Maker = brought.load()
        return maker
    message = f"there is no engine of the kind {kind[:64]!r}"
    fix = f"choose one of {', '.join(engine_kinds())}, or install the package that brings it"
    raise VoiceApiError("bad_engine", message, fix, 500)


def _brought() -> Mapping[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


def _only(engine: Engine, tasks: frozenset[Task] | None) -> Engine:
    if tasks is None:
        return engine
    return replace(
        engine,
        listener=engine.listener if "listen" in tasks else None,
        speaker=engine.speaker if "speak" in tasks else None,
        converser=engine.converser if "converse" in tasks else None,
    )


def _openai(wish: Description) -> Engine:
    from voice_api.engines.calls import Calls
    from voice_api.engines.openai_http import ADDRESS, MODEL, OpenAiListener
    from voice_api.engines.speech_http import DistantSpeaker, OpenAiSpeech

    calls = Calls(wish.address or ADDRESS)
    speech = OpenAiSpeech(wish.models.get("speak") or "tts-1", wish.voice)
    listen = wish.models.get("listen") or MODEL
    return _engine(
        wish,
        listener=OpenAiListener(wish.name, calls, listen, wish.key, wish.deadline_seconds),
        speaker=DistantSpeaker(wish.name, calls, speech, wish.key, wish.deadline_seconds),
        close=calls.close,
    )


def _elevenlabs(wish: Description) -> Engine:
    from voice_api.engines.calls import Calls
    from voice_api.engines.speech_http import DistantSpeaker, ElevenLabsSpeech, elevenlabs_headers

    if not wish.voice:
        message = f"the engine {wish.name} has no voice"
        raise VoiceApiError("bad_engine", message, "name the id of one of your voices at ElevenLabs", 500)
    calls = Calls(wish.address or "https://api.elevenlabs.io", elevenlabs_headers)
    speech = ElevenLabsSpeech(wish.models.get("speak") or "eleven_flash_v2_5", wish.voice)
    speaker = DistantSpeaker(wish.name, calls, speech, wish.key, wish.deadline_seconds)
    return _engine(wish, speaker=speaker, close=calls.close)


def _hume(wish: Description) -> Engine:
    from voice_api.engines.evi import ADDRESS, EviConverser
    from voice_api.engines.evi_listener import EviListener
    from voice_api.engines.loop import Loop

    loop, address = Loop(), wish.address or ADDRESS
    config = {task: wish.models.get(task, "") for task in ("listen", "converse")}
    listening, conversing = (
        EviConverser(wish.name, loop, wish.key, address, config[task], wish.deadline_seconds)
        for task in ("listen", "converse")
    )
    engine = _engine(wish, listener=EviListener(listening), converser=conversing, close=loop.close)
    return replace(engine, emotion=True)


def _realtime(wish: Description) -> Engine:
    from voice_api.engines.loop import Loop
    from voice_api.engines.realtime_dialect import ADDRESS, MODEL, RealtimeConverser

    loop = Loop()
    converser = RealtimeConverser(
        wish.name,
        loop,
        wish.key,
        wish.address or ADDRESS,
        wish.models.get("converse") or MODEL,
        wish.voice,
        wish.deadline_seconds,
    )
    return _engine(wish, converser=converser, close=loop.close)


def _engine(
    wish: Description,
    *,
    close: Callable[[], None],
    listener: Listener | None = None,
    speaker: Speaker | None = None,
    converser: Converser | None = None,
) -> Engine:
    return Engine(
        wish.name,
        listener,
        speaker,
        converser,
        price=wish.price,
        quality=wish.quality,
        at_once=wish.at_once,
        close=close,
    )


_OURS: Mapping[str, Maker] = {
    "elevenlabs": _elevenlabs,
    "hume": _hume,
    "openai": _openai,
    "openai-realtime": _realtime,
}
