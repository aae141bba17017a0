"""The scores of all tokens as a graph, and what is to be told of them so that nobody needs to read all."""

from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto

from voice_api.speech.whisper.compile.decoder_graph import table_of
from voice_api.speech.whisper.compile.sizes import Kernels, Sizes
from voice_api.speech.whisper.compile.writer import CONTRIBUTED, Writer, floats, wholes

MOST_LISTED = 32
"""Tokens that are named, the likeliest: those near the best, and a runner-up that no rule forbids."""


@dataclass(frozen=True, slots=True)
class ScoresGraph:
    """Writes states to scores.

    Takes
      states [1, n, width]
      table, within [1]              where scores are computed again: the vectors of all tokens, and how near
                                     to the best one is to be scored by them
    Gives
      logits, log_shares [1, n, v]   log_shares are the logarithms of probabilities
      expected [1, n, 1, 1]          the sum of probability times log-share
      listed, listed_logits [1, n, l]  the likeliest, best first; places among the tokens that are kept
      listed_again [1, n, l, 1]      scored by the table; of those that are not near the best, another's score

    A graph of its own, because it alone gains from several threads: to wake one costs as much as a whole
    product inside a layer. tiny on two cores: layers 0.43 ms a token on one thread, 1.18 on two; scores
    0.39 ms on one, 0.21 on two.

    All that is told beside the logits takes 70 microseconds with 51,865 tokens. numpy takes three times as
    long, because it goes over all of them nine times with nothing of it in the caches.
    """

    writer: Writer
    sizes: Sizes
    kernels: Kernels
    again: bool
    kept: NDArray[np.int64] | None

    def model(self) -> onnx.ModelProto:
        writer, sizes = self.writer, self.sizes
        scored = sizes.architecture.vocab_size if self.kept is None else self.kept.size
        listed = min(MOST_LISTED, scored)
        writer.rename(writer.linear("states", "proj_out", precision=self.kernels.head), "logits")
        self._sum_up()
        self._list(listed)
        inputs = [floats("states", 1, "results", sizes.width)]
        outputs = [
            floats("logits", 1, "results", scored),
            floats("log_shares", 1, "results", scored),
            floats("expected", 1, "results", 1, 1),
            wholes("listed", TensorProto.INT64, 1, "results", listed),
            floats("listed_logits", 1, "results", listed),
        ]
        if self.again:
            self._score_again()
            inputs += [table_of("table", self.kernels, "table_rows", sizes.width), floats("within", 1)]
            outputs.append(floats("listed_again", 1, "results", listed, 1))
        return writer.model("scores", inputs, outputs)

    def _sum_up(self) -> None:
        """One product of a row and a column: half of what Mul and ReduceSum take."""
        writer = self.writer
        log_shares = writer.rename(writer.one("LogSoftmax", "logits", axis=-1), "log_shares")
        row = writer.one("Unsqueeze", log_shares, writer.integers(2))
        shares = writer.one("Exp", row)
        writer.rename(writer.one("FusedMatMul", shares, row, domain=CONTRIBUTED, transB=1), "expected")

    def _list(self, count: int) -> None:
        writer = self.writer
        logits, tokens = writer.add("TopK", "logits", writer.integers(count), outputs=2)
        writer.rename(logits, "listed_logits")
        writer.rename(tokens, "listed")

    def _score_again(self) -> None:
        """Only rows of the table that are near the best are looked up: each is read from disk once."""
        writer = self.writer
        first = writer.integers(0)
        best, most = (writer.one("Gather", each, first, axis=2) for each in ("listed", "listed_logits"))
        near = writer.one("Greater", "listed_logits", writer.one("Sub", most, "within"))
        tokens = writer.one("Where", near, "listed", best)
        if self.kept is not None:
            tokens = writer.one("Gather", writer.store("kept", self.kept), tokens)
        vectors = writer.one("Cast", writer.one("Gather", "table", tokens), to=TensorProto.FLOAT)
        column = writer.one("Unsqueeze", "states", writer.integers(3))
        writer.rename(writer.one("MatMul", vectors, column), "listed_again")
