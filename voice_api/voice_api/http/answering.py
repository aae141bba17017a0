"""From what was heard to the reply: what is sure is acted on, all else is asked back."""

from dataclasses import replace

from voice_api.commands.conversation.turn import Turn
from voice_api.commands.core import DEMO_NOTICE, Reply
from voice_api.http.listening import Heard
from voice_api.http.service import Service

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
    return await service.act(text, turn)


def intent_of(reply: Reply) -> dict[str, object] | None:
    """In JSON, as all routes tell it."""
    if reply.intent is None:
        return None
    return {
        "name": reply.intent.name,
        "arguments": dict(reply.intent.arguments),
        "source": reply.intent.source,
    }


def _asked_back(service: Service, text: str) -> Reply:
    question = f"I heard: {text}. I am not sure of it. Please say it again, or type it."
    cluster = service.engines.cluster
    data: dict[str, object] = {"cluster": {"name": cluster.name, "demo": cluster.demo}}
    if cluster.demo:
        data["notice"] = DEMO_NOTICE
    service.figures.commands.labels("NEEDS_CLARIFICATION", "none").inc()
    return Reply("NEEDS_CLARIFICATION", None, question if text else NOTHING_HEARD, data, {})
