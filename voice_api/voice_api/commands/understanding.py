"""Whether a sentence is understood as it stands; asked while it is heard, and nothing is done for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from voice_api.commands.confirmation.answers import NO, YES
from voice_api.commands.language.meanings import NUMBERS, Question, Situation, Unclear
from voice_api.commands.language.proposals import kinds_of
from voice_api.commands.language.understand import Interpreter, TakenBack, Understood
from voice_api.commands.level import Level
from voice_api.commands.normalise import LIMIT_CHARACTERS, digits, normalise
from voice_api.commands.registry.declaring import Call, Function

Asked: TypeAlias = tuple[str, Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class Understanding:
    """By the grammar and the names that were known a moment ago; no cluster is asked."""

    interpreter: Interpreter
    situation: Situation

    def settled(self, text: str) -> bool:
        """Whether `text` is to be taken as it was heard: understood with its names, or a wish to change.

        What asks for a change or answers a question is never exchanged for another sentence, and neither is
        what no other words could make a command: nothing, or far too much.
        """
        words = normalise(text)
        if not words or len(text) > LIMIT_CHARACTERS or _answers(words) or self.interpreter.changes(words):
            return True
        match self.interpreter.understand(text, self.situation):
            case Understood(_, exact):
                return exact
            case TakenBack():
                return True
            case _:
                return False

    def better(self, text: str, than: str) -> bool:
        """Whether `text` is understood for certain where `than` was not.

        Where that one was a question already, of which only a name was not known, it has to be the same
        question: another name may make a sentence clear, never turn it into another one.
        """
        call = self._certain_question(text)
        if call is None or self.interpreter.changes(normalise(than)):
            return False
        match self.interpreter.understand(than, self.situation):
            case Understood([before]):
                return _asked(before) == _asked(call) and _names(before) == _names(call)
            case Question(proposal):
                same = _question(proposal.function, proposal.values) == _asked(call)
                return same and set(proposal.spoken) <= _names(call)
            case other:
                return isinstance(other, Unclear)

    def _certain_question(self, text: str) -> Call | None:
        meant = self.interpreter.understand(text, self.situation)
        if not isinstance(meant, Understood) or not meant.exact or len(meant.calls) != 1:
            return None
        return meant.calls[0] if meant.calls[0].function.level is Level.READ_ONLY else None


def _answers(words: str) -> bool:
    """A yes, a no or a number may answer a question, and only whoever asked knows."""
    pointing = " ".join(word for word in words.split() if word not in {"the", "number", "one"})
    number = pointing in NUMBERS or digits(words).replace(" ", "").isdigit()
    return words in YES or words in NO or number


def _asked(call: Call) -> Asked:
    return _question(call.function, call.values)


def _question(function: Function, values: Mapping[str, object]) -> Asked:
    """What is asked, whatever the names."""
    return function.name, {name: value for name, value in values.items() if not kinds_of(function, name)}


def _names(call: Call) -> set[str]:
    """The arguments that name something."""
    return {name for name in call.values if kinds_of(call.function, name)}
