"""Which words a text consists of, when each was said and how sure the decoder was of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np

from voice_api.speech.protocol import Word
from voice_api.speech.whisper.alignment import token_starts
from voice_api.speech.whisper.config import Generation
from voice_api.speech.whisper.decode import Decoded
from voice_api.speech.whisper.decoding import Decoding
from voice_api.speech.whisper.languages import UNSPACED_LANGUAGES
from voice_api.speech.whisper.prompts import Prompt
from voice_api.speech.whisper.tokens import Vocabulary
from voice_api.speech.whisper.windows import Piece

OPENING_MARKS = frozenset("\"'“¿¡([{「『《")
CLOSING_MARKS = frozenset("\"'”)]}」』》")
BROKEN = "\ufffd"
"""What a character looks like of which a token holds only some bytes."""


@dataclass(frozen=True, slots=True)
class WordTimes:
    """What it takes to tell when the words of one window were said.

    begin         a decoding of the window from its start
    prompt        for text without timestamps, and without earlier text
    step_seconds  of one encoder position
    """

    begin: Callable[[], Decoding]
    prompt: Prompt
    vocabulary: Vocabulary
    generation: Generation
    language: str
    step_seconds: float

    def words(self, decoded: Decoded, pieces: Sequence[Piece], seconds: float) -> list[tuple[Word, ...]]:
        """The words of each piece of a window of that many seconds, timed from its start.

        Empty ones where the model does not tell. The text is fed once more, all tokens at once, since a
        search of several texts forgets where those listened that it dropped.
        """
        spoken = [entry for entry in decoded.trace if self._is_text(entry.token)]
        starts = self._starts([entry.token for entry in spoken], seconds)
        if starts is None:
            return [() for _ in pieces]
        sure = [float(np.exp(entry.log_probability)) for entry in spoken]
        words, first = [], 0
        for piece in pieces:
            tokens = [token for token in piece.tokens if self._is_text(token)]
            words.append(self._timed(piece, tokens, starts[first:], sure[first:]))
            first += len(tokens)
        return words

    def _starts(self, tokens: Sequence[int], seconds: float) -> list[float] | None:
        """When each token begins and, after them, when the last one ends."""
        decoding = self.begin()
        decoding.listen()
        decoding.take(np.array([[*self.prompt.tokens, *tokens]], dtype=np.int64))
        attention = decoding.attention()
        decoding.end()
        if attention is None:
            return None
        positions = max(1, min(attention.shape[2], round(seconds / self.step_seconds)))
        listened = attention[:, len(self.prompt.tokens) - 1 :, :positions]
        return [float(start) * self.step_seconds for start in token_starts(listened)]

    def _timed(
        self, piece: Piece, tokens: Sequence[int], starts: Sequence[float], sure: Sequence[float]
    ) -> tuple[Word, ...]:
        def within(seconds: float) -> float:
            return min(piece.end_seconds, max(piece.start_seconds, seconds))

        spaced = self.language not in UNSPACED_LANGUAGES
        words = split_words(tokens, self.vocabulary, spaced)
        ends = accumulate((count for _, count in words), initial=0)
        return tuple(
            Word(text.strip(), within(starts[first]), within(starts[last]), float(np.mean(sure[first:last])))
            for (text, _), (first, last) in zip(words, pairwise(ends), strict=True)
        )

    def _is_text(self, token: int) -> bool:
        first = self.generation.first_timestamp
        return token not in self.vocabulary.special and (first is None or token < first)


Spelt = tuple[str, int]
"""A text and how many tokens it takes."""


def split_words(tokens: Sequence[int], vocabulary: Vocabulary, spaced: bool) -> list[Spelt]:
    """Words with the space in front of them; every character is one in a language without spaces.

    Marks that stand alone go to a word: opening ones to the one after them, all others to the one before.
    """
    words: list[Spelt] = []
    for text, count in _characters(tokens, vocabulary):
        if spaced and words and not text.startswith(" "):
            words[-1] = (words[-1][0] + text, words[-1][1] + count)
        else:
            words.append((text, count))
    return _merged(words)


def _merged(words: Sequence[Spelt]) -> list[Spelt]:
    merged: list[Spelt] = []
    opening: Spelt = ("", 0)
    for text, count in words:
        alone = not any(character.isalnum() for character in text)
        opens = text.strip() in OPENING_MARKS and (text.startswith(" ") or text not in CLOSING_MARKS)
        if alone and merged and not opens and not opening[1]:
            merged[-1] = (merged[-1][0] + text, merged[-1][1] + count)
            continue
        opening = (opening[0] + text, opening[1] + count)
        if not alone:
            merged.append(opening)
            opening = ("", 0)
    return [*merged, opening] if opening[1] else merged


def _characters(tokens: Sequence[int], vocabulary: Vocabulary) -> list[Spelt]:
    """As few tokens at a time as whole characters take."""
    spelt: list[Spelt] = []
    held: list[int] = []
    for token in tokens:
        held.append(token)
        text = vocabulary.tokenizer.decode(held, skip_special_tokens=False)
        if BROKEN not in text:
            spelt.append((text, len(held)))
            held = []
    if held:
        spelt.append((vocabulary.tokenizer.decode(held, skip_special_tokens=False), len(held)))
    return spelt
