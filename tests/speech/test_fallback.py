"""A text that cannot be trusted is decoded again, warmer, and the best of what is found stands."""

from collections.abc import Sequence

import numpy as np
import pytest
from scripted import Scripted

from voice_api.speech.whisper.config import Generation
from voice_api.speech.whisper.decode import Decoded, Search
from voice_api.speech.whisper.fallback import decode_window, loops, trusted
from voice_api.speech.whisper.prompts import Prompt
from voice_api.speech.whisper.rules import TokenRules
from voice_api.speech.whisper.scores import Scores

END, START, SIZE = 8, 9, 10
GENERATION = Generation(START, END, None, None, (START,), (), {}, {}, False, None, 30)
PROMPT, RULES = Prompt((START,), 0), TokenRules(GENERATION, timestamps=False)


def text_of(tokens: Sequence[int]) -> str:
    return "".join("abcdefgh"[token] for token in tokens)


def decoded_with(flat: bool, search: Search) -> tuple[Decoded, int]:
    """By a model that is sure of "ab", or has no idea at all; and how often it began."""
    begun: list[Scripted] = []

    def logits_after(tokens: tuple[int, ...]) -> np.ndarray:  # type: ignore[type-arg]
        logits = np.zeros(SIZE, dtype=np.float32)
        if not flat:
            logits[{1: 0, 2: 1}.get(len(tokens), END)] = 12.0
        return logits

    def begin() -> Scripted:
        begun.append(Scripted(logits_after))
        return begun[-1]

    return decode_window(begin, PROMPT, RULES, search, text_of), len(begun)


def test_a_text_that_is_trusted_is_decoded_once() -> None:
    found, begun = decoded_with(flat=False, search=Search())
    assert (text_of(found.tokens), begun, found.retries) == ("ab", 1, ())


def test_a_text_that_is_not_trusted_is_tried_at_every_temperature() -> None:
    found, begun = decoded_with(flat=True, search=Search())
    assert (begun, found.retries) == (6, ("temperature",))
    assert not loops(text_of(found.tokens)), "drawn texts do not repeat themselves, and are preferred"


def test_a_search_that_is_warm_is_made_once() -> None:
    found, begun = decoded_with(flat=True, search=Search(temperature=0.7))
    assert (begun, found.temperature, found.retries) == (1, 0.7, ())


def test_what_is_drawn_comes_from_the_seed() -> None:
    def drawn(seed: int) -> tuple[int, ...]:
        search = Search(temperature=1.0, random=np.random.default_rng(seed))
        return decoded_with(flat=True, search=search)[0].tokens

    assert drawn(1) == drawn(1)
    assert len({drawn(seed) for seed in range(5)}) > 1


@pytest.mark.parametrize(
    ("log_probability", "no_speech", "text", "right"),
    [
        (-0.5, 0.0, "list the pods", True),
        (-1.5, 0.0, "list the pods", False),
        (-1.5, 0.7, "list the pods", True),
        (-0.5, 0.0, "again " * 40, False),
        (-0.5, 0.7, "again " * 40, False),
    ],
)
def test_what_is_trusted(log_probability: float, no_speech: float, text: str, right: bool) -> None:
    entry = Scores()
    logits = np.zeros(SIZE, dtype=np.float32)
    logits[1] = 3.0
    entry.read(logits)
    told = type(entry.trace(logits, 1))(1, log_probability, 1.0, 1.0)
    assert trusted(Decoded((1,), (told,), no_speech), text) is right
