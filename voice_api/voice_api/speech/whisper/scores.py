"""Reads the logits of one position: the best tokens, how likely each is, how clear the choice was."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voice_api.speech.whisper.confidence import TokenTrace

LEAST = -1e30
"""Instead of minus infinity: no token that is forbidden may spoil a sum."""

CLEAR_MARGIN = 20.0
"""The lead over a forbidden runner-up, in nats."""

LEAST_LEFT = 0.1
"""Of all probability: where less is allowed, what is left of a sum is too inexact."""


@dataclass(frozen=True, slots=True, eq=False)
class Forbidden:
    """Tokens that may not come next; their ids are in order."""

    tokens: frozenset[int]
    ids: NDArray[np.intp]


@dataclass(slots=True)
class Summed:
    """What a graph summed up of the logits of one position.

    log_shares  logarithm of the probability of each token, as far as it was not scored again since
    log_sum     a logit less this is its log-share
    total       of all probability; 1 until some are scored again
    expected    the sum of probability times log-share: less than 0, the entropy
    kept        the tokens that log_shares are of, in order; None for the whole vocabulary
    """

    log_shares: NDArray[np.float32]
    log_sum: float
    total: float
    expected: float
    kept: NDArray[np.int64] | None = None

    def score_again(self, place: int, logit: float) -> None:
        """Take this logit for the token at a place of log_shares."""
        before, now = float(self.log_shares[place]), logit - self.log_sum
        was, is_now = math.exp(before), math.exp(now)
        self.total += is_now - was
        self.expected += is_now * now - was * before
        self.log_shares[place] = now

    def without(self, tokens: NDArray[np.intp]) -> tuple[float, float]:
        """What is left of total and expected without these tokens, each named once."""
        log_shares = self.log_shares[self._places(tokens)]
        shares = np.exp(log_shares)
        return self.total - float(shares.sum()), self.expected - float(shares.dot(log_shares))

    def probability(self, token: int) -> float:
        found = self.log_shares[self._places(np.array([token]))]
        return math.exp(found[0]) / self.total if found.size else 0.0

    def _places(self, tokens: NDArray[np.intp]) -> NDArray[np.intp]:
        """Where the tokens are that were kept."""
        if self.kept is None:
            return tokens
        places = np.minimum(self.kept.searchsorted(tokens), self.kept.size - 1)
        return np.asarray(places[self.kept[places] == tokens], dtype=np.intp)


@dataclass(frozen=True, slots=True)
class Position:
    """What a graph tells of one position, for which nobody needs to look at all logits.

    tokens, logits  the likeliest tokens, and their logits after they were scored again
    again           how many were; those after them are in order, the largest first
    least           no token but those has a larger logit
    """

    tokens: Sequence[int]
    logits: Sequence[float]
    again: int
    least: float
    summed: Summed

    def likeliest(self, forbidden: Forbidden) -> TokenTrace | None:
        """The likeliest token that is allowed; None where that takes a look at all logits."""
        best = second = -math.inf
        token, never = -1, forbidden.tokens
        for index, logit in enumerate(self.logits):
            if logit <= second:
                if index >= self.again:
                    break
            elif self.tokens[index] not in never:
                if logit > best:
                    token, best, second = self.tokens[index], logit, best
                else:
                    second = logit
        found = sums_of(self.summed, forbidden)
        if found is None or second < self.least:
            return None
        log_sum, entropy = found
        return TokenTrace(token, best - log_sum, min(CLEAR_MARGIN, best - second), entropy)


def sums_of(summed: Summed, forbidden: Forbidden) -> tuple[float, float] | None:
    """log_sum and entropy of what is allowed; None where too little of all is left to tell."""
    left, expected = summed.without(forbidden.ids)
    if left < LEAST_LEFT:
        return None
    logarithm = math.log(left)
    return summed.log_sum + logarithm, logarithm - expected / left


class Scores:
    """Statistics of one position, in buffers that serve every position of a decoding; not for two threads.

    best         the likeliest token
    log_sum      natural logarithm of the sum of exponentials, so that logit - log_sum is a log-probability
    entropy      of the allowed tokens, in nats
    """

    def __init__(self) -> None:
        self._buffers: NDArray[np.float32] = np.empty((3, 0), dtype=np.float32)
        self.best, self.log_sum, self.entropy = 0, 0.0, 0.0
        self._top = 0.0

    def read(
        self,
        logits: NDArray[np.float32],
        summed: Summed | None = None,
        forbidden: Forbidden | None = None,
    ) -> None:
        """Take logits [vocabulary]; at least one must be finite, forbidden ones may be minus infinity.

        summed     of the same logits before any was forbidden, which saves to sum them up
        forbidden  which ones those are; None where that is not known, so that all is summed up again
        """
        self.best = int(logits.argmax())
        self._top = float(logits[self.best])
        known = None if summed is None or forbidden is None else sums_of(summed, forbidden)
        self.log_sum, self.entropy = known or self._sums(logits)

    def trace(self, logits: NDArray[np.float32], token: int) -> TokenTrace:
        """What there is to say of choosing `token` from the logits that were read last."""
        chosen = float(logits[token])
        lead = chosen - (self._top if token != self.best else _second(logits, token))
        return TokenTrace(token, chosen - self.log_sum, min(CLEAR_MARGIN, lead), self.entropy)

    def draw(self, logits: NDArray[np.float32], temperature: float, random: np.random.Generator) -> int:
        """A token by chance from the logits read last, each as often as its probability at `temperature`."""
        shifted, weights = self._shifted(logits)
        np.divide(shifted, np.float32(temperature), out=weights)
        sums = np.exp(weights, out=weights).cumsum(dtype=np.float64)
        return int(sums.searchsorted(random.random() * sums[-1], side="right"))

    def _sums(self, logits: NDArray[np.float32]) -> tuple[float, float]:
        """log_sum and entropy."""
        shifted, weights = self._shifted(logits)
        np.exp(shifted, out=weights)
        total = float(weights.sum())
        logarithm = math.log(total)
        return self._top + logarithm, logarithm - float(weights.dot(shifted)) / total

    def _shifted(self, logits: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Logits less the best one, and room for as many numbers."""
        if self._buffers.shape[1] != logits.size:
            self._buffers = np.empty((3, logits.size), dtype=np.float32)
            # An array, because numpy compares with a single number five times as slowly.
            self._buffers[2] = LEAST
        shifted, weights, least = self._buffers
        np.subtract(logits, np.float32(self._top), out=shifted)
        return np.maximum(shifted, least, out=shifted), weights


def _second(logits: NDArray[np.float32], best: int) -> float:
    """The largest logit but that of `best`."""
    value = logits[best]
    logits[best] = -np.inf
    second = float(logits.max())
    logits[best] = value
    return second
