"""Words are made of tokens as people write them, and lie in time within what they are part of."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scripted import Scripted

from voice_api.speech.protocol import TranscribeOptions
from voice_api.speech.whisper.confidence import TokenTrace
from voice_api.speech.whisper.decode import Decoded
from voice_api.speech.whisper.engine import Whisper
from voice_api.speech.whisper.tokens import Vocabulary
from voice_api.speech.whisper.windows import Piece
from voice_api.speech.whisper.words import WordTimes, split_words

MERGED: dict[str, Any] = {"graphs": ("encoder_model", "decoder_model_merged")}
STEP_SECONDS = 0.02


@pytest.fixture(scope="module")
def vocabulary(load: Callable[..., Whisper]) -> Vocabulary:
    return load(**MERGED).model.folder.vocabulary


def tokens_of(text: str, vocabulary: Vocabulary) -> list[int]:
    return list(vocabulary.tokenizer.encode(text, add_special_tokens=False).ids)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (" how many pods", ["how", "many", "pods"]),
        (" yes, please.", ["yes,", "please."]),
        (" it's ingest-01", ["it's", "ingest-01"]),
        (' "scale it" (now)', ['"scale', 'it"', "(now)"]),
        (" wait - what ?", ["wait -", "what ?"]),
        ("naïve café", ["naïve", "café"]),
    ],
)
def test_words_end_at_spaces_and_keep_their_marks(
    text: str, words: list[str], vocabulary: Vocabulary
) -> None:
    tokens = tokens_of(text, vocabulary)
    found = split_words(tokens, vocabulary, spaced=True)
    assert [word.strip() for word, _ in found] == words
    assert sum(count for _, count in found) == len(tokens)


def test_without_spaces_each_character_is_a_word_and_keeps_its_mark(vocabulary: Vocabulary) -> None:
    tokens = tokens_of("你好。「再见」", vocabulary)
    assert len(tokens) > 7, "characters of one token show nothing"
    found = split_words(tokens, vocabulary, spaced=False)
    assert [word for word, _ in found] == ["你", "好。", "「再", "见」"]


@settings(max_examples=50)
@given(text=st.text(max_size=20), spaced=st.booleans())
def test_no_token_and_no_letter_is_lost(text: str, spaced: bool, vocabulary: Vocabulary) -> None:
    tokens = tokens_of(text, vocabulary)
    found = split_words(tokens, vocabulary, spaced)
    assert sum(count for _, count in found) == len(tokens)
    assert "".join(word for word, _ in found) == vocabulary.tokenizer.decode(tokens)


class Listening(Scripted):
    """A decoding whose heads listen to the sound from its beginning to its end, token after token."""

    def __init__(self, vocabulary: int, fed_before_text: int, positions: int) -> None:
        super().__init__(lambda _: np.zeros(vocabulary, dtype=np.float32))
        self._before, self._positions = fed_before_text, positions

    def attention(self) -> NDArray[np.float32]:  # type: ignore[override]  # this one tells
        fed = len(self.texts[0])
        rows = fed - self._before + 1
        attention = np.full((2, fed, self._positions), 1e-4, dtype=np.float32)
        for row in range(rows):
            begin, end = (self._positions * place // rows for place in (row, row + 1))
            attention[:, self._before - 1 + row, begin:end] = 0.1
        return attention


def times(whisper: Whisper, positions: int, heard: bool = True) -> WordTimes:
    folder = whisper.model.folder
    prompt = whisper.model.prompter.prompt(TranscribeOptions(), "en", timestamps=False)
    size = folder.architecture.vocab_size

    def begin() -> Scripted:
        silent = Scripted(lambda _: np.zeros(size, dtype=np.float32))
        return Listening(size, len(prompt.tokens), positions) if heard else silent

    return WordTimes(begin, prompt, folder.vocabulary, folder.generation, "en", STEP_SECONDS)


def decoded(tokens: Sequence[int]) -> Decoded:
    trace = tuple(TokenTrace(token, -0.1 * place, 1.0, 1.0) for place, token in enumerate(tokens))
    return Decoded(tuple(tokens), trace, 0.0)


def test_words_follow_each_other_within_their_piece(load: Callable[..., Whisper]) -> None:
    whisper = load(**MERGED)
    first = whisper.model.folder.generation.first_timestamp
    assert first is not None
    one, two = (tokens_of(text, whisper.model.folder.vocabulary) for text in (" how many pods", " not ready"))
    pieces = [
        Piece(0.0, 1.0, (first, *one, first + 50)),
        Piece(1.2, 2.0, (first + 60, *two, first + 100)),
    ]
    whole = decoded([token for piece in pieces for token in piece.tokens])
    found = times(whisper, positions=100).words(whole, pieces, seconds=2.0)
    assert [[word.text for word in words] for words in found] == [["how", "many", "pods"], ["not", "ready"]]
    for piece, words in zip(pieces, found, strict=True):
        assert words[0].start_seconds >= piece.start_seconds
        assert words[-1].end_seconds <= piece.end_seconds
        assert all(word.start_seconds <= word.end_seconds for word in words)
        assert all(before.end_seconds <= after.start_seconds for before, after in pairwise(words))
    assert found[0][1].start_seconds > 0.1


def test_a_word_is_as_likely_as_its_tokens_are_on_average(load: Callable[..., Whisper]) -> None:
    whisper = load(**MERGED)
    tokens = tokens_of(" zebra yes", whisper.model.folder.vocabulary)
    (words,) = times(whisper, 50).words(decoded(tokens), [Piece(0.0, 1.0, tuple(tokens))], 1.0)
    count = split_words(tokens, whisper.model.folder.vocabulary, spaced=True)[0][1]
    assert count > 1
    assert words[0].probability == pytest.approx(np.exp(-0.1 * np.arange(count)).mean())


def test_a_model_that_does_not_tell_times_no_words(load: Callable[..., Whisper]) -> None:
    whisper = load(**MERGED)
    tokens = tokens_of(" yes", whisper.model.folder.vocabulary)
    assert times(whisper, 50, heard=False).words(decoded(tokens), [Piece(0.0, 1.0, tuple(tokens))], 1.0) == [
        ()
    ]
