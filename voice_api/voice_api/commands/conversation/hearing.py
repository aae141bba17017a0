"""What a turn means: an answer to a question about a name, a command, or what a model makes of it."""

from dataclasses import replace

from voice_api.commands.confirmation.answers import YES
from voice_api.commands.conversation.memory import State
from voice_api.commands.conversation.outcome import Outcome
from voice_api.commands.conversation.place import Heard, Parts, Place
from voice_api.commands.conversation.turn import Turn
from voice_api.commands.language.meanings import Meant, Question, Situation, Unclear, answered
from voice_api.commands.language.understand import Understanding, Understood
from voice_api.commands.level import Level
from voice_api.commands.normalise import normalise
from voice_api.commands.registry.declaring import LEAST_ROLE, from_role


def hear(text: str, turn: Turn, state: State, place: Place, parts: Parts) -> Heard:
    """The grammar is tried on every turn; VoiceApiError where names cannot be had."""
    situation = Situation(place.catalogue, state.home, state.last)
    if state.question is not None:
        meaning = answered(state.question, _pointing(text, state.question), situation)
        if isinstance(meaning, Meant):
            return Heard(Understood((meaning.call,), exact=True), state, place, state.source)
        if meaning is not None:
            return Heard(meaning, state, place, state.source)
    meant = parts.interpreter.understand(text, situation)
    missed, suggester = _missed(meant), parts.suggester
    if missed is None or suggester is None or not _may_ask(turn):
        return Heard(meant, state, place)
    changes = place.settling is not None and bool(turn.session)
    suggested = suggester.understand(text, situation, missed, turn.user.roles, changes=changes)
    return Heard(suggested, state, place, "grammar" if suggested is missed else "language_model")


def from_model(outcome: Outcome) -> Outcome:
    """The same, which says that the language model understood it."""
    intent = outcome.intent
    return replace(outcome, intent=replace(intent, source="language_model")) if intent else outcome


def _missed(meant: Understanding) -> Question | Unclear | None:
    """What no template fits, or only one whose name would be several words that nothing is like."""
    match meant:
        case Unclear(missed=True):
            return meant
        case Question(heard=heard, candidates=()) if " " in heard:
            return meant
        case _:
            return None


def _may_ask(turn: Turn) -> bool:
    """Nobody keeps a model busy who would get no answer."""
    return bool(turn.user.roles & from_role(LEAST_ROLE[Level.READ_ONLY]))


def _pointing(text: str, question: Question) -> str:
    """A yes to the only one that was offered points to it; what is to be changed wants its name or number."""
    reads = question.proposal.function.level is Level.READ_ONLY
    only = reads and len(question.candidates) == 1 and normalise(text) in YES
    return "one" if only else text
