"""Long sound in windows the model can hear: where to cut, and what timestamps say."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from voice_api.speech.vad import quiet_level

SHORTEST_ADVANCE_SECONDS = 1.0
"""A window moves on by at least this much: timestamps near its start must not stall a long file."""

STANDS_OUT = 10 ** (-15 / 20)
PAUSE_CHUNKS = 15
"""Half a second without speech ends an utterance: a model that tells no time hears one utterance best."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Tokens heard from start to end, in seconds of the window."""

    start_seconds: float
    end_seconds: float
    tokens: tuple[int, ...]

    def moved(self, seconds: float) -> "Piece":
        return replace(
            self, start_seconds=self.start_seconds + seconds, end_seconds=self.end_seconds + seconds
        )


def cut_after(levels: NDArray[np.float32], longest: int) -> int:
    """How many chunks of sound the next window holds, of the root mean squares of all that is left.

    It ends in the first pause after speech, else with the sound, or where the second half of `longest`
    chunks is quietest.
    """
    window = levels[:longest]
    quiet = window <= _pause_level(window)
    speech = np.flatnonzero(~quiet)
    pauses = np.flatnonzero(_over_pause(quiet.astype(np.float32)) > PAUSE_CHUNKS - 0.5)
    pauses = pauses[pauses > speech[0]] if speech.size else pauses[:0]
    if pauses.size:
        return int(pauses[0]) + PAUSE_CHUNKS // 2
    if levels.size <= longest:
        return int(levels.size)
    half = longest // 2
    return half + int(_over_pause(window[half:]).argmin()) + PAUSE_CHUNKS // 2


def _pause_level(levels: NDArray[np.float32]) -> float:
    """What is still a pause: nobody heard, or twice what is always there, where speech stands out of it."""
    always_there = 2.0 * float(np.percentile(levels, 10))
    return max(quiet_level(levels), min(always_there, float(levels.max()) * STANDS_OUT))


def _over_pause(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sums over as many neighbours as a pause has; of fewer values, one sum."""
    return np.convolve(values, np.ones(min(PAUSE_CHUNKS, values.size), np.float32), "valid")


def pieces_of(
    tokens: Sequence[int], first_timestamp: int, step_seconds: float, window_seconds: float
) -> tuple[tuple[Piece, ...], float]:
    """Split tokens at their timestamps; also how many seconds of the window are done with.

    As the Whisper reference has it: two timestamps in a row end one piece and begin the next; what
    follows the last such pair is heard again in the next window, unless the window ends with one.
    """

    def seconds(token: int) -> float:
        return min(window_seconds, max(0.0, (token - first_timestamp) * step_seconds))

    moments = [token >= first_timestamp for token in tokens]
    cuts = [index for index in range(1, len(tokens)) if moments[index - 1] and moments[index]]
    closed = len(tokens) >= 2 and moments[-1] and not moments[-2]
    if not cuts:
        heard = [token for token, moment in zip(tokens, moments, strict=True) if moment]
        start = seconds(heard[0]) if heard else 0.0
        end = seconds(heard[-1]) if heard and seconds(heard[-1]) > start else window_seconds
        return (Piece(start, end, tuple(tokens)),) if tokens else (), window_seconds
    ends = [*cuts, len(tokens)] if closed else cuts
    runs = [tuple(tokens[start:end]) for start, end in pairwise([0, *ends])]
    pieces = tuple(Piece(seconds(run[0]), max(seconds(run[0]), seconds(run[-1])), run) for run in runs)
    consumed = window_seconds if closed else seconds(tokens[ends[-1] - 1])
    return pieces, min(window_seconds, max(SHORTEST_ADVANCE_SECONDS, consumed))
