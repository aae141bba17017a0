"""Answers to what only reads: about the conversation itself, from elsewhere, or from the cluster."""

from dataclasses import replace

from voice_api.commands.conversation.memory import State
from voice_api.commands.conversation.place import Parts, Place
from voice_api.commands.conversation.talking import what_can_i_say, what_did_i_do, where_am_i, who_am_i
from voice_api.commands.conversation.turn import Turn
from voice_api.commands.functions import Answer
from voice_api.commands.registry.declaring import Call
from voice_api.commands.registry.talking import TALKING
from voice_api.errors import VoiceApiError

UNKNOWN = {
    "budget": "There is no budget: no engine outside of this machine is used.",
}


def answer(call: Call, state: State, place: Place, turn: Turn, parts: Parts) -> tuple[Answer, State]:
    """The answer, and the conversation after it; VoiceApiError where there is none."""
    match call.function.name:
        case "switch_namespace":
            home = str(call.values["namespace"])
            return Answer(f"Now in the namespace {home}.", {"namespace": home}), replace(state, home=home)
        case "switch_context":
            return _switched(str(call.values["context"]), place, parts)
        case name:
            return _talked(name, state, place, turn, parts) or _looked(call, place, turn, parts), state


def not_for(call: Call, place: Place, turn: Turn) -> str:
    """Why this user may not ask this where it is; empty where that may be.

    A question without a namespace is about the whole cluster; what nobody has named is production.
    """
    if place.executor is None or call.function.name in TALKING.functions or _own(call):
        return ""
    environment = place.executor.environment_at(str(call.values.get("namespace") or "")) or "production"
    if environment in turn.user.environments:
        return ""
    hint = "" if call.values.get("namespace") else " Name a namespace that is yours."
    return f"{turn.user.name} is not for {environment}.{hint}"


def _own(call: Call) -> bool:
    """Where one can go to, and what all of it costs, is the service's to know, whatever a user may see."""
    return call.function.name in {"cost", "budget"} or call.values.get("kind") == "contexts"


def _talked(name: str, state: State, place: Place, turn: Turn, parts: Parts) -> Answer | None:
    match name:
        case "where_am_i":
            return where_am_i(place.cluster, state)
        case "who_am_i":
            return who_am_i(turn.user, reads_only=place.settling is None)
        case "what_can_i_say":
            interpreter = parts.interpreter
            return what_can_i_say(interpreter.grammar.examples, interpreter.functions, turn.user)
        case "what_did_i_do":
            return what_did_i_do(place.executor, turn.user)
        case _:
            return None


def _looked(call: Call, place: Place, turn: Turn, parts: Parts) -> Answer:
    name = call.function.name
    act = parts.facts.get(name) or parts.answers.get(name)
    if act is None:
        fix = "Have kvx report costs, or name an engine with a budget."
        raise VoiceApiError("not_known", UNKNOWN.get(name, "I do not know that."), fix, 501)
    return act(place.cluster if _own(call) else place.seen_by(turn), call)


def _switched(context: str, place: Place, parts: Parts) -> tuple[Answer, State]:
    """Another cluster is another conversation: neither a namespace nor "it" is taken along."""
    if context not in {each.cluster.description.name for each in (place, parts.here)}:
        if parts.opens is None:
            raise VoiceApiError("context_unknown", f"I cannot go to {context}.", "Name another one.", 404)
        parts.opens(context)
    return Answer(f"Now in the cluster {context}.", {"context": context}), State(context=context)
