"""What the decode loop may ask of a decoder, whichever graphs are behind it."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from voice_api.speech.whisper.scores import Position


class Decoding(Protocol):
    """One window being decoded: remembers everything fed, for every beam.

    A beam is one hypothesis; there is one until `keep` makes more. Not safe for two threads at once; each
    thread has decodings of its own over the same loaded graphs.
    """

    def listen(self) -> None:
        """Follow the alignment heads; before any tokens are taken, since it takes time at each of them."""
        ...

    def take(self, tokens: NDArray[np.int64], wanted: Sequence[int] = (-1,)) -> None:
        """Take `tokens` [beams, count]; what is asked next is asked of the `wanted` ones of each beam."""
        ...

    def logits(self) -> NDArray[np.float32]:
        """[beams, len(wanted), vocabulary]: of the tokens taken last.

        The array belongs to the caller until more are taken, which overwrites it; writing to it is allowed.
        """
        ...

    def position(self, row: int) -> Position | None:
        """What the graph tells of a row of [beams * len(wanted)]; None where it gives logits only.

        Of the logits as they were given: what the caller wrote to them since is not in it.
        """
        ...

    def feed(self, tokens: NDArray[np.int64], wanted: Sequence[int] = (-1,)) -> NDArray[np.float32]:
        """Take tokens; the logits after them."""
        ...

    def keep(self, beams: Sequence[int]) -> None:
        """Go on with these beams, in this order; a beam may be named more than once."""
        ...

    def attention(self) -> NDArray[np.float32] | None:
        """Where the alignment heads listened: [heads, tokens taken, encoder positions], of the first beam.

        Each row sums to 1. None for a model that names no alignment heads, and where they were not followed.
        """
        ...

    def end(self) -> None:
        """Nothing more will be asked: the next decoding may write to every array that this one gave."""
        ...
