"""From what was heard to the reply: what is sure is acted on, all else is asked back."""

from dataclasses import replace
from functools import partial

from voice_api.commands.conversation.turn import Turn
from voice_api.commands.core import DEMO_NOTICE, Reply
from voice_api.http.listening import Heard
from voice_api.http.service import Service
from voice_api.http.wishes import members_of

NOTHING_HEARD = "I heard no words. Please say it again, or type it."


async def lasting(service: Service, heard: Heard) -> Heard:
    """What was heard first after all, where only a name that is younger than the live ones was not known."""
    first = heard.transcript.first
    if first is None or not await service.understands(first.text):
        return heard
    return replace(heard, transcript=first)


async def reply_to(service: Service, heard: Heard, turn: Turn) -> Reply:
    """Nothing is acted on that was not heard well enough."""
    text = heard.transcript.text.strip()
    if heard.transcript.doubtful or not text:
        return _asked_back(service, text)
    return await service.act(text, replace(turn, timings=partial(dict, heard.timings_ms)))


def intent_of(reply: Reply) -> dict[str, object] | None:
    """In JSON, as all routes tell it."""
    if reply.intent is None:
        return None
    return {
        "name": reply.intent.name,
        "arguments": dict(reply.intent.arguments),
        "source": reply.intent.source,
    }


def code_of(reply: Reply) -> str:
    """Of what went wrong; empty where nothing did."""
    error = reply.data.get("error")
    return str(error.get("code")) if isinstance(error, dict) else ""


def command_of(heard: Heard, reply: Reply, turn: Turn) -> dict[str, object]:
    """A command that was heard, as POST /v1/commands tells it."""
    timings = {**heard.timings_ms, **reply.timings_ms}
    return {
        "id": turn.command,
        "object": "voice.command",
        "status": reply.status,
        "session": turn.session,
        "text": heard.transcript.text.strip(),
        "intent": intent_of(reply),
        "reply": reply.reply,
        "data": dict(reply.data),
        **members_of(heard.answered),
        "timings_ms": {name: round(value, 3) for name, value in timings.items()},
    }


def _asked_back(service: Service, text: str) -> Reply:
    question = f"I heard: {text}. I am not sure of it. Please say it again, or type it."
    cluster = service.engines.cluster
    data: dict[str, object] = {"cluster": {"name": cluster.name, "demo": cluster.demo}}
    if cluster.demo:
        data["notice"] = DEMO_NOTICE
    service.figures.commands.labels("NEEDS_CLARIFICATION", "none").inc()
    return Reply("NEEDS_CLARIFICATION", None, question if text else NOTHING_HEARD, data, {})
