"""Greedy decoding: the likeliest token, again and again, until the text ends or its room is used up."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from voice_api.speech.whisper.confidence import TokenTrace
from voice_api.speech.whisper.decoding import Decoding
from voice_api.speech.whisper.keywords import NO_KEYWORDS, Keywords, Place
from voice_api.speech.whisper.prompts import Prompt
from voice_api.speech.whisper.rules import TokenRules
from voice_api.speech.whisper.scores import Scores


@dataclass(frozen=True, slots=True)
class Search:
    """How the text of a window is looked for.

    temperature  0 takes the likeliest token, above it tokens are drawn from `random`
    beams        hypotheses kept at a time, where the temperature is 0
    go_on        called before every token; what it raises ends the decoding
    keywords     names to favour
    """

    temperature: float = 0.0
    beams: int = 1
    random: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))
    go_on: Callable[[], None] = lambda: None
    keywords: Keywords = NO_KEYWORDS


@dataclass(frozen=True, slots=True)
class Decoded:
    """The tokens of one window, without prompt and end; trace also holds the end token.

    retries  why it was decoded more than once, such as "temperature"
    bonus    nats that the names in it were favoured by; in no probability
    """

    tokens: tuple[int, ...]
    trace: tuple[TokenTrace, ...]
    no_speech_probability: float
    temperature: float = 0.0
    retries: tuple[str, ...] = ()
    bonus: float = 0.0

    @property
    def favoured_log_probability(self) -> float:
        """The average as the search saw it: a name that was expected is not unlikely for its spelling."""
        return self.average_log_probability + self.bonus / max(1, len(self.trace))

    @property
    def log_probability(self) -> float:
        """Of the whole text, without any bonus."""
        return sum(entry.log_probability for entry in self.trace)

    @property
    def average_log_probability(self) -> float:
        return self.log_probability / max(1, len(self.trace))


@dataclass(frozen=True, slots=True)
class Started:
    """A decoding that was fed the start token and nothing else, and what it said of silence then."""

    decoding: Decoding
    no_speech_probability: float


def decode(decoding: Decoding | Started, prompt: Prompt, rules: TokenRules, search: Search) -> Decoded:
    """Decode one window; at most the folder's max_length tokens, prompt included."""
    generation = rules.generation
    decoding, logits, no_speech = begin(decoding, prompt)
    scores, step = Scores(logits.size), np.empty((1, 1), dtype=np.int64)
    place = search.keywords.start()
    tokens: list[int] = []
    trace: list[TokenTrace] = []
    for room in range(generation.max_length - len(prompt.tokens), 0, -1):
        search.go_on()
        scores.read(rules.apply(logits, tokens))
        token, place = _chosen(scores, logits, search, place)
        trace.append(scores.trace(logits, token))
        if token == generation.end_token:
            break
        tokens.append(token)
        if room > 1:
            step[0, 0] = token
            logits = decoding.feed(step)[0, 0]
    bonus = search.keywords.after(place, generation.end_token).bonus
    return Decoded(tuple(tokens), tuple(trace), no_speech, search.temperature, bonus=bonus)


def _chosen(scores: Scores, logits: NDArray[np.float32], search: Search, place: Place) -> tuple[int, Place]:
    """The next token, and where it leads among the names; one drawn by chance knows none."""
    if search.temperature > 0:
        return scores.draw(search.temperature, search.random), place
    if not search.keywords:
        return scores.best, place
    return search.keywords.choose(logits, scores.best, place)


def begin(decoding: Decoding | Started, prompt: Prompt) -> tuple[Decoding, NDArray[np.float32], float]:
    """Feed the prompt: the logits [vocabulary] after it, and the probability that nobody speaks."""
    if isinstance(decoding, Started):
        rest = np.array([prompt.tokens[1:]], dtype=np.int64)
        return decoding.decoding, decoding.decoding.feed(rest)[0, 0], decoding.no_speech_probability
    asked = prompt.no_speech_token is not None
    wanted = (prompt.start_index, -1) if asked else (-1,)
    logits = decoding.feed(np.array([prompt.tokens], dtype=np.int64), wanted)[0]
    return decoding, logits[-1], silence(logits[0], prompt.no_speech_token)


def silence(logits: NDArray[np.float32], no_speech_token: int | None) -> float:
    """The probability that nobody speaks, from the logits [vocabulary] after the start token."""
    if no_speech_token is None:
        return 0.0
    scores = Scores(logits.size)
    scores.read(logits)
    return float(np.exp(logits[no_speech_token] - scores.log_sum))
