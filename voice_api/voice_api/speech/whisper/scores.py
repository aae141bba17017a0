"""Reads the logits of one position: the best tokens, how likely each is, how clear the choice was."""

import math

import numpy as np
from numpy.typing import NDArray

from voice_api.speech.whisper.confidence import TokenTrace

LEAST = -1e30
"""Instead of minus infinity: no token that is forbidden may spoil a sum."""

CLEAR_MARGIN = 20.0
"""The lead over a forbidden runner-up, in nats."""


class Scores:
    """Statistics of one position, in buffers that serve every position of a decoding; not for two threads.

    best         the likeliest token
    log_sum      natural logarithm of the sum of exponentials, so that logit - log_sum is a log-probability
    entropy      of the allowed tokens, in nats
    """

    def __init__(self, vocabulary: int) -> None:
        self._shifted = np.empty(vocabulary, dtype=np.float32)
        self._weights = np.empty(vocabulary, dtype=np.float32)
        # An array, because numpy compares with a single number five times as slowly.
        self._least = np.full(vocabulary, LEAST, dtype=np.float32)
        self.best, self.log_sum, self.entropy = 0, 0.0, 0.0
        self._top = 0.0

    def read(self, logits: NDArray[np.float32]) -> None:
        """Take logits [vocabulary]; at least one must be finite, forbidden ones may be minus infinity."""
        shifted, weights = self._shifted, self._weights
        self.best = int(logits.argmax())
        self._top = float(logits[self.best])
        np.subtract(logits, logits[self.best], out=shifted)
        np.maximum(shifted, self._least, out=shifted)
        np.exp(shifted, out=weights)
        total = float(weights.sum())
        logarithm = math.log(total)
        self.log_sum = self._top + logarithm
        self.entropy = logarithm - float(weights.dot(shifted)) / total

    def trace(self, logits: NDArray[np.float32], token: int) -> TokenTrace:
        """What there is to say of choosing `token` from the logits that were read last."""
        chosen = float(logits[token])
        lead = chosen - (self._top if token != self.best else _second(logits, token))
        return TokenTrace(token, chosen - self.log_sum, min(CLEAR_MARGIN, lead), self.entropy)

    def draw(self, temperature: float, random: np.random.Generator) -> int:
        """A token by chance, each as often as its probability at `temperature` says."""
        weights = np.divide(self._shifted, np.float32(temperature), out=self._weights)
        sums = np.exp(weights, out=weights).cumsum(dtype=np.float64)
        return int(sums.searchsorted(random.random() * sums[-1], side="right"))


def _second(logits: NDArray[np.float32], best: int) -> float:
    """The largest logit but that of `best`."""
    value = logits[best]
    logits[best] = -np.inf
    second = float(logits.max())
    logits[best] = value
    return second
