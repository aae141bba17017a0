"""Weights in few bits: int8 per column, and 4 bits in blocks with a scale each."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float32]
BLOCKS = (64, 32)
"""Weights that share a scale: the first that divides a row. Scales of 32 are a fifth of all that is read."""

FOUR_BIT_ZERO = 8
FOUR_BIT_DIVISORS = (-8.0, -7.5, -7.0)
"""What the largest weight of a block may be made to; the one that loses least is taken for each block."""

FULL_RANGE = 127


@dataclass(frozen=True, slots=True)
class Columns:
    """A matrix [inputs, outputs] as int8, with the step of each column."""

    integers: NDArray[np.int8]
    steps: Values


@dataclass(frozen=True, slots=True)
class Blocks:
    """A matrix as MatMulNBits takes it: [outputs, blocks, half a block] of two weights each."""

    nibbles: NDArray[np.uint8]
    scales: Values
    size: int


def by_columns(matrix: Values, largest: int) -> Columns:
    """Symmetric, each column stretched to -largest..largest."""
    steps = np.maximum(np.abs(matrix).max(axis=0), 1e-12).astype(np.float32) / np.float32(largest)
    return Columns(np.rint(matrix / steps).astype(np.int8), steps)


def by_blocks(matrix: Values) -> Blocks:
    """4 bits a weight around 8; a column of `matrix` [inputs, outputs] must fill whole blocks."""
    inputs, outputs = matrix.shape
    size = next(size for size in BLOCKS if inputs % size == 0)
    count = inputs // size
    nibbles = np.empty((outputs, count, size // 2), dtype=np.uint8)
    scales = np.empty((outputs, count), dtype=np.float32)
    for start in range(0, outputs, 4096):  # bounds the memory of the largest matrix
        part = slice(start, start + 4096)
        blocks = np.ascontiguousarray(matrix[:, part].T, dtype=np.float32).reshape(-1, count, size)
        levels, scales[part] = _four_bits(blocks)
        nibbles[part] = levels[..., ::2] | levels[..., 1::2] << 4
    return Blocks(nibbles, scales, size)


def _four_bits(blocks: Values) -> tuple[NDArray[np.uint8], Values]:
    """Levels 0 to 15 [outputs, blocks, size] and the scale of each block with the least error."""
    at = np.abs(blocks).argmax(axis=-1)[..., np.newaxis]
    extreme = np.take_along_axis(blocks, at, axis=-1)
    extreme = np.where(extreme == 0, np.float32(1e-12), extreme)
    best = np.full(extreme.shape, np.inf, dtype=np.float32)
    levels = np.zeros(blocks.shape, dtype=np.float32)
    scales = np.zeros(extreme.shape, dtype=np.float32)
    for divisor in FOUR_BIT_DIVISORS:
        scale = extreme / np.float32(divisor)
        level = np.clip(np.rint(blocks / scale), -FOUR_BIT_ZERO, FOUR_BIT_ZERO - 1)
        error = np.square(level * scale - blocks).sum(axis=-1, keepdims=True)
        better = error < best
        best = np.where(better, error, best)
        levels = np.where(better, level, levels)
        scales = np.where(better, scale, scales)
    return (levels + FOUR_BIT_ZERO).astype(np.uint8), scales[..., 0]
