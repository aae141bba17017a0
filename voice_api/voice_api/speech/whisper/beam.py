"""Beam search: several texts of a window side by side, of which the likeliest per token wins."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import islice
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from voice_api.speech.whisper.confidence import TokenTrace
from voice_api.speech.whisper.decode import Decoded, Search, Started, begin, summed
from voice_api.speech.whisper.decoding import Decoding
from voice_api.speech.whisper.keywords import Keywords, Place
from voice_api.speech.whisper.prompts import Prompt
from voice_api.speech.whisper.rules import TokenRules
from voice_api.speech.whisper.scores import Scores, Summed

Row = tuple[NDArray[np.float32], Summed | None]
"""The logits [vocabulary] after a hypothesis, and their sums where a graph made some."""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One text so far. score: the sum of its log-probabilities, without the bonus of its place."""

    tokens: tuple[int, ...]
    trace: tuple[TokenTrace, ...]
    score: float
    place: Place

    @property
    def boosted(self) -> float:
        return self.score + self.place.bonus

    @property
    def per_token(self) -> float:
        """What texts are compared by in the end: long ones are not to lose for their length."""
        return self.score / len(self.trace)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A hypothesis and a token to go on with; score and boosted are the longer one's."""

    boosted: float
    score: float
    parent: int
    token: int
    statistics: TokenTrace


def decode_beams(decoding: Decoding | Started, prompt: Prompt, rules: TokenRules, search: Search) -> Decoded:
    """Decode one window with `search.beams` hypotheses; ends when as many have ended.

    A text ends when its end is among the best candidates of a step; those that the room did not suffice for
    compete as they are: transformers' search with early stopping.
    """
    decoding, no_speech = begin(decoding, prompt)
    rows, scores = [(decoding.logits()[0, -1], summed(decoding, -1))], [Scores() for _ in range(search.beams)]
    alive = [Hypothesis((), (), 0.0, search.keywords.start())]
    finished: list[Hypothesis] = []
    for room in range(rules.generation.max_length - len(prompt.tokens), 0, -1):
        search.go_on()
        candidates = best_candidates(rows, alive, rules, search, scores)
        ended = [c for c in candidates[: search.beams] if c.token == rules.generation.end_token]
        finished += [_longer(alive, c, search.keywords) for c in ended]
        going = [c for c in candidates if c.token != rules.generation.end_token][: search.beams]
        alive, parents = [_longer(alive, c, search.keywords) for c in going], [c.parent for c in going]
        if len(finished) >= search.beams or not alive:
            break
        if room > 1:
            decoding.keep(parents)
            fed = decoding.feed(np.array([[c.token] for c in going], dtype=np.int64))[:, 0]
            rows = [(row, summed(decoding, beam)) for beam, row in enumerate(fed)]
    decoding.end()
    unfinished = alive if len(finished) < search.beams else []
    best, end = winner([*finished, *unfinished]), rules.generation.end_token
    tokens = tuple(token for token in best.tokens if token != end)
    return Decoded(tokens, best.trace, no_speech, bonus=best.place.bonus)


def winner(texts: Sequence[Hypothesis]) -> Hypothesis:
    """The likeliest per token; the bonus of a text's names is shared among its tokens, too.

    Among as many at least as the likeliest has without any bonus: a short text is not to win by it.
    """
    least = len(max(texts, key=attrgetter("per_token")).trace)
    return max(texts, key=lambda text: text.per_token + text.place.bonus / max(least, len(text.trace)))


def best_candidates(
    rows: Sequence[Row],
    alive: Sequence[Hypothesis],
    rules: TokenRules,
    search: Search,
    scores: Sequence[Scores],
) -> list[Candidate]:
    """The best 2 * beams, best first: where as many texts end as there are beams, enough go on."""
    offered = [
        _best_of(_read(row, rules, hypothesis, reader), hypothesis, parent, search.keywords, reader)
        for parent, (row, hypothesis, reader) in enumerate(zip(rows, alive, scores, strict=False))
    ]
    return list(islice(merge(*offered, key=attrgetter("boosted"), reverse=True), 2 * search.beams))


def _read(row: Row, rules: TokenRules, hypothesis: Hypothesis, scores: Scores) -> NDArray[np.float32]:
    """The logits that the rules allow, after `scores` has read them."""
    logits, sums = row
    scores.read(rules.apply(logits, hypothesis.tokens), sums, rules.forbidden(hypothesis.tokens))
    return logits


def _best_of(
    row: NDArray[np.float32],
    hypothesis: Hypothesis,
    parent: int,
    keywords: Keywords,
    scores: Scores,
) -> Iterator[Candidate]:
    """Candidates of one hypothesis, best first; found one by one, since few are asked for."""
    plain, before = row, hypothesis.boosted - scores.log_sum
    if keywords:
        plain = row.copy()
        before += keywords.favour(row, hypothesis.place)
    while (value := float(row[token := int(row.argmax())])) > -np.inf:
        told = scores.trace(plain, token)
        yield Candidate(before + value, hypothesis.score + told.log_probability, parent, token, told)
        row[token] = -np.inf


def _longer(alive: Sequence[Hypothesis], candidate: Candidate, keywords: Keywords) -> Hypothesis:
    before, told = alive[candidate.parent], candidate.statistics
    return Hypothesis(
        (*before.tokens, candidate.token),
        (*before.trace, told),
        candidate.score,
        keywords.after(before.place, candidate.token, max(0.0, -told.margin)),
    )
