"""Whether a sentence is understood as it stands; asked while it is heard, and nothing is done for it."""

from collections.abc import Iterable
from dataclasses import dataclass

from voice_api.commands.grammar import Grammar, Reading
from voice_api.commands.interpret import Unclear, interpret
from voice_api.commands.resolve import exactly


@dataclass(frozen=True, slots=True)
class Understanding:
    """By the grammar and the namespaces that were known a moment ago; no cluster is asked."""

    grammar: Grammar
    namespaces: tuple[str, ...]

    def settled(self, text: str) -> bool:
        """Whether `text` is to be taken as it was heard: understood with its name, or a wish to change.

        What asks for a change is never exchanged for another sentence, and neither is what no other words
        could make a command: nothing, or far too much.
        """
        match interpret(self.grammar, text):
            case Reading() as reading:
                return self._certain(reading)
            case Unclear(hopeless=hopeless):
                return hopeless
            case _:
                return True

    def better(self, text: str, than: str) -> bool:
        """Whether `text` is understood for certain where `than` was not.

        Where that one was a question already, of which only the name was not known, it has to be the same
        question: another name may make a sentence clear, never turn it into another one.
        """
        meant, before = interpret(self.grammar, text), interpret(self.grammar, than)
        if not isinstance(meant, Reading) or not self._certain(meant):
            return False
        return not isinstance(before, Reading) or _question(before) == _question(meant)

    def _certain(self, reading: Reading) -> bool:
        """Nothing is left to repair, or a name that is written exactly as a live one."""
        return all(
            slot == "namespace" and exactly(words, self.namespaces) for slot, words in reading.unheard.items()
        )


def _question(reading: Reading) -> tuple[str, Iterable[tuple[str, str]], frozenset[str]]:
    """What is asked, whatever the names."""
    return reading.intent, sorted(reading.slots.items()), frozenset(reading.unheard)
