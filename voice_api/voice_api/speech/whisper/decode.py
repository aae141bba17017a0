"""Greedy decoding: the likeliest token, again and again, until the text ends or its room is used up."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from voice_api.speech.whisper.confidence import TokenTrace
from voice_api.speech.whisper.decoding import Decoding
from voice_api.speech.whisper.keywords import NO_KEYWORDS, Keywords, Place
from voice_api.speech.whisper.prompts import Prompt
from voice_api.speech.whisper.rules import TokenRules
from voice_api.speech.whisper.scores import Forbidden, Scores, Summed


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
    decoding, no_speech = begin(decoding, prompt)
    choice, step = _Choice(decoding, rules, search, search.keywords.start()), np.empty((1, 1), dtype=np.int64)
    tokens: list[int] = []
    trace: list[TokenTrace] = []
    for room in range(generation.max_length - len(prompt.tokens), 0, -1):
        search.go_on()
        told = choice.after(tokens)
        trace.append(told)
        if told.token == generation.end_token:
            break
        tokens.append(told.token)
        if room > 1:
            step[0, 0] = told.token
            decoding.take(step)
    decoding.end()
    bonus = search.keywords.after(choice.place, generation.end_token).bonus
    return Decoded(tuple(tokens), tuple(trace), no_speech, search.temperature, bonus=bonus)


@dataclass(slots=True)
class _Choice:
    """Chooses one token after the other; place is where the text stands among the names."""

    decoding: Decoding
    rules: TokenRules
    search: Search
    place: Place
    forbidden: Forbidden | None = None
    scores: Scores = field(default_factory=Scores)

    def after(self, tokens: Sequence[int]) -> TokenTrace:
        """The token that follows those."""
        if len(tokens) < 2:  # all later ones have the same before them
            self.forbidden = self.rules.forbidden(tokens)
        position = self.decoding.position(-1)
        if position is not None and self.forbidden is not None and self._is_likeliest:
            told = position.likeliest(self.forbidden)
            if told is not None:
                return told
        logits = self.decoding.logits()[0, -1]
        sums = None if position is None else position.summed
        self.scores.read(self.rules.apply(logits, tokens), sums, self.forbidden)
        return self.scores.trace(logits, self._chosen(logits))

    @property
    def _is_likeliest(self) -> bool:
        return self.search.temperature == 0 and not self.search.keywords

    def _chosen(self, logits: NDArray[np.float32]) -> int:
        """One that is drawn by chance knows no names."""
        search = self.search
        if search.temperature > 0:
            return self.scores.draw(logits, search.temperature, search.random)
        if not search.keywords:
            return self.scores.best
        token, self.place = search.keywords.choose(logits, self.scores.best, self.place)
        return token


def begin(decoding: Decoding | Started, prompt: Prompt) -> tuple[Decoding, float]:
    """Take the prompt, to be asked what comes after it; and the probability that nobody speaks."""
    if isinstance(decoding, Started):
        decoding.decoding.take(np.array([prompt.tokens[1:]], dtype=np.int64))
        return decoding.decoding, decoding.no_speech_probability
    asked = prompt.no_speech_token is not None
    wanted = (prompt.start_index, -1) if asked else (-1,)
    decoding.take(np.array([prompt.tokens], dtype=np.int64), wanted)
    return decoding, silence(decoding, prompt.no_speech_token)


def silence(decoding: Decoding, no_speech_token: int | None) -> float:
    """The probability that nobody speaks, where the start token is the first one that is asked for."""
    if no_speech_token is None:
        return 0.0
    sums = summed(decoding, 0)
    if sums is not None:
        return sums.probability(no_speech_token)
    logits, scores = decoding.logits()[0, 0], Scores()
    scores.read(logits)
    return float(np.exp(logits[no_speech_token] - scores.log_sum))


def summed(decoding: Decoding, row: int) -> Summed | None:
    """What the graph summed up of a row; None where it gives logits only."""
    position = decoding.position(row)
    return None if position is None else position.summed
