"""What the graph of scores tells of a position, with those near the best scored by the exact table."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voice_api.speech.whisper.compiled_room import Rows
from voice_api.speech.whisper.scores import Position, Summed

Values = NDArray[np.float32]

MOST_SCORED_AGAIN = 64
"""Tokens whose scores are computed again at most: more than that are never near the best in speech."""


@dataclass(frozen=True, slots=True)
class Scorer:
    """Reads what a run left in its rows.

    tokens  the table of their vectors, of the whole vocabulary
    kept    those that are scored; None for all
    within  how near to the best a score must be to be computed again; 0 where the graph's own stand
    """

    tokens: NDArray[np.floating]
    kept: NDArray[np.int64] | None
    within: np.float32

    def position(self, rows: Rows, row: int) -> Position:
        """What is told of a row; new scores are written to its logits and log-shares."""
        logits, log_shares = rows.logits.array[0, row], rows.log_shares.array[0, row]
        listed, scores = rows.listed.array[0, row].tolist(), rows.listed_logits.array[0, row].tolist()
        log_sum = scores[0] - float(log_shares[listed[0]])
        summed = Summed(log_shares, log_sum, 1.0, float(rows.expected.array[0, row, 0, 0]), self.kept)
        limit = float(np.float32(scores[0]) - self.within)  # rounded as the graph rounds it
        least = scores[-1] if len(listed) < logits.size else -np.inf
        if least > limit:  # more are near than are listed
            self._score_again(rows.states.array[0, row], logits, summed)
            return Position((), (), 0, np.inf, summed)
        again = 0
        while again < len(listed) and scores[again] > limit:
            place = listed[again]
            logits[place] = scores[again] = float(rows.listed_again.array[0, row, again, 0])
            summed.score_again(place, scores[again])
            again += 1
        tokens = listed if self.kept is None else self.kept[listed].tolist()
        return Position(tokens, scores, again, least, summed)

    def _score_again(self, states: Values, logits: Values, summed: Summed) -> None:
        """Replace the scores near the best, of [kept tokens], however many they are."""
        near = np.flatnonzero(logits > logits.max() - self.within)
        if near.size > MOST_SCORED_AGAIN:
            near = near[np.argpartition(logits[near], -MOST_SCORED_AGAIN)[-MOST_SCORED_AGAIN:]]
        tokens = near if self.kept is None else self.kept[near]
        logits[near] = self.tokens[tokens].astype(np.float32) @ states
        for place in near.tolist():
            summed.score_again(place, float(logits[place]))
