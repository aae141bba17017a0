"""Text for a synthesiser: nothing but what can be read aloud, in pieces it can say at once."""

import re
import unicodedata
from collections.abc import Iterator

LONGEST_PIECE = 400
"""Characters said in one go: short enough that sound comes soon and another caller gets a turn."""

_SENTENCE_END = re.compile(r"(?<=[.!?;:\u3002\uff01\uff1f])\s+|\n\s*\n")
_WORD_END = re.compile(r"\s+")


def readable(text: str) -> str:
    """The text on one line per paragraph, without control, format, private and unpaired characters.

    Control characters are commands to espeak-ng, so none may come through.
    """
    return "".join(_readable(character) for character in text).strip()


def _readable(character: str) -> str:
    if character == "\n":
        return character
    return " " if character.isspace() or unicodedata.category(character)[0] == "C" else character


def sentences(text: str) -> Iterator[str]:
    """Pieces of at most LONGEST_PIECE characters, cut at ends of sentences, else between words."""
    for sentence in _SENTENCE_END.split(readable(text)):
        yield from _shorter(sentence.strip())


def _shorter(sentence: str) -> Iterator[str]:
    while len(sentence) > LONGEST_PIECE:
        gaps = [match.start() for match in _WORD_END.finditer(sentence, 0, LONGEST_PIECE)]
        cut = gaps[-1] if gaps and gaps[-1] > 0 else LONGEST_PIECE
        yield sentence[:cut]
        sentence = sentence[cut:].strip()
    if any(character.isalnum() or unicodedata.category(character)[0] == "S" for character in sentence):
        yield sentence
