"""A decoder that says what it is told to: logits by the text so far, for tests of what is made of them."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Logits = NDArray[np.float32]


class Scripted:
    """A Decoding without a model: `logits_after(tokens)` gives logits [vocabulary] after all that was fed."""

    def __init__(self, logits_after: Callable[[tuple[int, ...]], Logits]) -> None:
        self._logits_after = logits_after
        self.texts: list[tuple[int, ...]] = [()]
        self.feeds = 0
        self._logits: Logits = np.empty((0, 0, 0), dtype=np.float32)

    def listen(self) -> None:
        return None

    def take(self, tokens: NDArray[np.int64], wanted: Sequence[int] = (-1,)) -> None:
        self.feeds += 1
        before = self.texts if len(self.texts) == len(tokens) else self.texts * len(tokens)
        self.texts = [(*text, *map(int, more)) for text, more in zip(before, tokens, strict=True)]
        count = tokens.shape[1]
        self._logits = np.array(
            [
                [self._logits_after(text[: len(text) - count + place % count + 1]) for place in wanted]
                for text in self.texts
            ],
            dtype=np.float32,
        )

    def logits(self) -> Logits:
        return self._logits

    def position(self, row: int) -> None:
        return None

    def feed(self, tokens: NDArray[np.int64], wanted: Sequence[int] = (-1,)) -> Logits:
        self.take(tokens, wanted)
        return self._logits

    def keep(self, beams: Sequence[int]) -> None:
        self.texts = [self.texts[beam] for beam in beams]

    def attention(self) -> None:
        return None

    def end(self) -> None:
        return None
