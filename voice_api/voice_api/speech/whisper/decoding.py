"""What the decode loop may ask of a decoder, whichever graphs are behind it."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Decoding(Protocol):
    """One window being decoded: remembers everything fed, for every beam.

    A beam is one hypothesis; there is one until `keep` makes more. Not safe for two threads at once; each
    thread has decodings of its own over the same loaded graphs.
    """

    def feed(self, tokens: NDArray[np.int64], wanted: Sequence[int] = (-1,)) -> NDArray[np.float32]:
        """Take `tokens` [beams, count]; the logits [beams, len(wanted), vocabulary] at positions of them.

        The array belongs to the caller until the next feed, which overwrites it; writing to it is allowed.
        """
        ...

    def keep(self, beams: Sequence[int]) -> None:
        """Go on with these beams, in this order; a beam may be named more than once."""
        ...

    def attention(self) -> NDArray[np.float32] | None:
        """Where the alignment heads listened: [heads, tokens fed, encoder positions], of the first beam.

        Each row sums to 1. None for a model that names no alignment heads.
        """
        ...
