"""Which tokens may come next: suppression, and the grammar of timestamps."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from voice_api.speech.whisper.config import Generation
from voice_api.speech.whisper.scores import Forbidden

FORBIDDEN = -np.inf


@dataclass(frozen=True, slots=True)
class TokenRules:
    """The rules of one decoding, applied to the logits of each position."""

    generation: Generation
    timestamps: bool

    def apply(self, logits: NDArray[np.float32], tokens: Sequence[int]) -> NDArray[np.float32]:
        """The same logits [vocabulary], after `tokens` (without the prompt), forbidden ones set to -inf."""
        logits[self._listed(tokens).ids] = FORBIDDEN
        first = self.generation.first_timestamp
        if self.timestamps and first is not None:
            self._keep_time(logits, tokens, first)
        return logits

    def forbidden(self, tokens: Sequence[int]) -> Forbidden | None:
        """All tokens that `apply` forbids after `tokens`; None where that depends on the logits, too.

        The same ones after every text but an empty one.
        """
        timed = self.timestamps and self.generation.first_timestamp is not None
        return None if timed else self._listed(tokens)

    def _listed(self, tokens: Sequence[int]) -> Forbidden:
        """What may not come next whatever the logits are, at the beginning or later."""
        first = () if tokens else self.generation.suppressed_first
        return _listed_once(first, self.generation.suppressed)

    def _keep_time(self, allowed: NDArray[np.float32], tokens: Sequence[int], first: int) -> None:
        """Timestamps begin the text, come in pairs, never go back, and win when they are likelier."""
        allowed[first - 1] = FORBIDDEN
        self._pair(allowed, tokens, first)
        allowed[first : earliest_next(tokens, first)] = FORBIDDEN
        if not tokens:
            allowed[:first] = FORBIDDEN
            latest = self.generation.max_initial_timestamp_index
            if latest is not None:
                allowed[first + latest + 1 :] = FORBIDDEN
        if _likelier_than_any_word(allowed, first):
            allowed[:first] = FORBIDDEN

    def _pair(self, allowed: NDArray[np.float32], tokens: Sequence[int], first: int) -> None:
        if not tokens or tokens[-1] < first:
            return
        if len(tokens) < 2 or tokens[-2] >= first:
            allowed[first:] = FORBIDDEN
        else:
            allowed[: self.generation.end_token] = FORBIDDEN


def earliest_next(tokens: Sequence[int], first: int) -> int:
    """The first timestamp token that does not go back; a closed stretch may not be empty."""
    latest = next((token for token in reversed(tokens) if token >= first), None)
    if latest is None:
        return first
    closing = tokens[-1] >= first and len(tokens) >= 2 and tokens[-2] < first
    return latest if closing else latest + 1


@lru_cache(maxsize=16)
def _listed_once(first: tuple[int, ...], always: tuple[int, ...]) -> Forbidden:
    """Made once: a list would be turned into an array at every token."""
    tokens = frozenset((*first, *always))
    return Forbidden(tokens, np.array(sorted(tokens), dtype=np.intp))


def _likelier_than_any_word(allowed: NDArray[np.float32], first: int) -> bool:
    """Whether all timestamps together are likelier than the likeliest other token."""
    moments = allowed[first:]
    largest = moments.max(initial=FORBIDDEN)
    if largest == FORBIDDEN:
        return False
    together = largest + np.log(np.exp(moments - largest).sum())
    return bool(together > allowed[:first].max(initial=FORBIDDEN))
