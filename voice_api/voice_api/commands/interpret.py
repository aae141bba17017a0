"""What a sentence means by the grammar alone: a reading, a wish to change something, or nothing clear."""

from dataclasses import dataclass
from typing import TypeAlias

from voice_api.commands.grammar import Grammar, Reading
from voice_api.commands.normalise import LIMIT_CHARACTERS, normalise

QUOTED_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class Wish:
    """A wish to change something, told by its verb."""

    verb: str


@dataclass(frozen=True, slots=True)
class Unclear:
    """A sentence without a meaning, or with several.

    why       a sentence to say
    hopeless  no sentence that sounds like it would be a command either
    """

    why: str
    hopeless: bool = False


Meaning: TypeAlias = Reading | Wish | Unclear


def interpret(grammar: Grammar, text: str) -> Meaning:
    """The one meaning of `text`; its names may still have to be repaired."""
    if len(text) > LIMIT_CHARACTERS:
        return Unclear("That is too long for a command.", hopeless=True)
    words = normalise(text)
    if not words:
        return Unclear("I heard no command.", hopeless=True)
    readings = grammar.readings(words)
    verb = grammar.wishes_change(_unread(words, readings))
    if verb:
        return Wish(verb)
    return readings[0] if len(readings) == 1 else Unclear(f"I did not understand: {quoted(words)}.")


def quoted(words: str) -> str:
    return words if len(words) <= QUOTED_CHARACTERS else f"{words[:QUOTED_CHARACTERS].rstrip()} and so on"


def _unread(words: str, readings: tuple[Reading, ...]) -> str:
    """The words that no template knows; a single one in a slot is a name, however it sounds."""
    if len(readings) != 1:
        return words
    return " ".join(each for each in readings[0].unheard.values() if " " in each)
