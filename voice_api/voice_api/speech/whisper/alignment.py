"""When each token was said: from where the decoder's alignment heads listened, by dynamic time warping."""

import numpy as np
from numpy.typing import NDArray

MEDIAN_WIDTH = 7
"""Positions that the attention is smoothed over; the `median_filter_width` of every published Whisper."""

TOKEN_ENDS, BOTH_END, POSITION_ENDS = 1, 0, 2


def token_starts(attention: NDArray[np.float32]) -> NDArray[np.intp]:
    """The encoder position where each token begins, never going back: [tokens].

    attention  [heads, tokens, encoder positions]: where the heads listened when each token was predicted,
               for the positions that hold sound
    As in the Whisper reference: each position's attention is normalised over the tokens, smoothed over the
    positions by a median, averaged over the heads; then the cheapest monotone path.
    """
    if attention.shape[1] == 0 or attention.shape[2] == 0:
        return np.zeros(attention.shape[1], dtype=np.intp)
    spread = attention.std(axis=1, keepdims=True)
    centred = (attention - attention.mean(axis=1, keepdims=True)) / np.maximum(spread, np.float32(1e-12))
    tokens, positions = warped(-smoothed(centred, MEDIAN_WIDTH).mean(axis=0, dtype=np.float32))
    return positions[np.diff(tokens, prepend=-1) > 0]


def smoothed(values: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    """The median over `width` neighbours along the last axis, mirrored at its ends."""
    half = width // 2
    if values.shape[-1] <= half:
        return values
    padded = np.pad(values, [(0, 0)] * (values.ndim - 1) + [(half, half)], mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, width, axis=-1)
    return np.asarray(np.median(windows, axis=-1), dtype=np.float32)


def warped(costs: NDArray[np.float32]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The cheapest path through costs [tokens, positions] from its first to its last corner.

    Row and column of every step; in each, one of both grows by one, or both do.
    """
    steps = _steps(costs)
    row, column = costs.shape
    path: list[tuple[int, int]] = []
    while row > 0 or column > 0:
        path.append((row - 1, column - 1))
        step = TOKEN_ENDS if column == 0 else POSITION_ENDS if row == 0 else steps[row, column]
        row -= step != POSITION_ENDS
        column -= step != TOKEN_ENDS
    rows, columns = np.array(path[::-1], dtype=np.intp).T
    return rows, columns


def _steps(costs: NDArray[np.float32]) -> NDArray[np.int8]:
    """How the cheapest path comes to each cell; [tokens + 1, positions + 1], the first row and column unused.

    Computed diagonal by diagonal, whose cells do not depend on each other; a diagonal is every `columns`-th
    cell of the flat table.
    """
    rows, columns = costs.shape
    total = np.full((rows + 1, columns + 1), np.inf, dtype=np.float32)
    total[0, 0] = 0.0
    steps = np.zeros((rows + 1, columns + 1), dtype=np.int8)
    flat, flat_steps, flat_costs = (
        total.reshape(-1),
        steps.reshape(-1),
        np.ascontiguousarray(costs).reshape(-1),
    )
    for diagonal in range(2, rows + columns + 1):
        first, last = max(1, diagonal - columns), min(rows, diagonal - 1)
        at, span = first * columns + diagonal, (last - first) * columns + 1
        both, token, position = (
            flat[before:][:span:columns] for before in (at - columns - 2, at - columns - 1, at - 1)
        )
        step = np.where((both < token) & (both < position), BOTH_END, POSITION_ENDS)
        step[(token < both) & (token < position)] = TOKEN_ENDS
        cost = flat_costs[at - columns - first - 1 :][
            : (last - first) * (columns - 1) + 1 : max(1, columns - 1)
        ]
        flat[at:][:span:columns] = np.choose(step, (both, token, position)) + cost
        flat_steps[at:][:span:columns] = step
    return steps
