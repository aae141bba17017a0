"""Long sound in windows the model can hear: where to cut, and what timestamps say."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

SHORTEST_ADVANCE_SECONDS = 1.0
"""A window moves on by at least this much: timestamps near its start must not stall a long file."""

Span = tuple[int, int]
"""First sample, and the one after the last."""


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


def cut_at_silences(length: int, speech: Sequence[Span], longest: int) -> tuple[Span, ...]:
    """Spans of at most `longest` samples that cover `length` once, cut in silence where there is one.

    A cut lies in the last silence that reaches into the second half of a span, as near to the middle of
    the silence as the span allows; without one, the span is cut at its full length.
    """
    silences = [(left[1], right[0]) for left, right in pairwise(sorted(speech))]
    cuts = [0]
    while length - cuts[-1] > longest:
        least, most = cuts[-1] + longest // 2 + 1, cuts[-1] + longest
        reached = [silence for silence in silences if silence[0] <= most and silence[1] >= least]
        middle = sum(reached[-1]) // 2 if reached else most
        cuts.append(min(most, max(least, middle)))
    return tuple(pairwise([*cuts, length])) if length else ()


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
