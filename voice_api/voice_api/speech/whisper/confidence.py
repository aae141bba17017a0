"""How sure the decoder was: statistics of a decoding, and their calibration to a probability."""

import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from voice_api.speech.whisper.documents import read_document
from voice_api.speech.whisper.errors import ModelFolderError

UNSURE_PROBABILITY = 0.5


@dataclass(frozen=True, slots=True)
class TokenTrace:
    """One chosen token: log-probability, lead over the second choice in nats, entropy in nats."""

    token: int
    log_probability: float
    margin: float
    entropy: float


@dataclass(frozen=True, slots=True)
class Statistics:
    """What the confidence is computed from; field names are the weights' names in confidence.json.

    All are over the tokens of the text and the one that ended it. unsure_share is the share of tokens
    with a probability below one half; compression_ratio is high when a text repeats itself.
    """

    mean_log_probability: float
    minimum_log_probability: float
    mean_margin: float
    minimum_margin: float
    mean_entropy: float
    maximum_entropy: float
    unsure_share: float
    tokens_per_second: float
    no_speech_probability: float
    compression_ratio: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """A logistic over statistics; below the threshold a transcript is doubtful."""

    bias: float
    weights: Mapping[str, float]
    threshold: float

    def confidence(self, statistics: Statistics) -> float:
        """Probability, 0 to 1, that the whole transcript is right."""
        score = self.bias + sum(weight * getattr(statistics, name) for name, weight in self.weights.items())
        return 1.0 / (1.0 + math.exp(-max(-60.0, min(60.0, score))))


def statistics_of(
    trace: Sequence[TokenTrace], no_speech_probability: float, speech_seconds: float
) -> Statistics:
    """Statistics of a decoding; a trace without tokens counts as perfectly unsure."""
    log_probabilities = np.array([entry.log_probability for entry in trace] or [-20.0])
    margins = np.array([entry.margin for entry in trace] or [0.0])
    entropies = np.array([entry.entropy for entry in trace] or [10.0])
    return Statistics(
        mean_log_probability=float(log_probabilities.mean()),
        minimum_log_probability=float(log_probabilities.min()),
        mean_margin=float(margins.mean()),
        minimum_margin=float(margins.min()),
        mean_entropy=float(entropies.mean()),
        maximum_entropy=float(entropies.max()),
        unsure_share=float((log_probabilities < math.log(UNSURE_PROBABILITY)).mean()),
        tokens_per_second=len(trace) / max(speech_seconds, 0.1),
        no_speech_probability=no_speech_probability,
        compression_ratio=compression_ratio([entry.token for entry in trace]),
    )


def compression_ratio(tokens: Sequence[int]) -> float:
    """Bytes of the tokens over their bytes when compressed; about 1 for speech, large for loops."""
    plain = np.array(tokens, dtype="<u4").astype("<u2").tobytes()  # no Whisper has more than 65536
    return len(plain) / len(zlib.compress(plain)) if plain else 1.0


def read_calibration(path: Path) -> Calibration | None:
    """The calibration beside a model; None without one."""
    if not path.exists():
        return None
    document = read_document(path)
    calibration = Calibration(
        bias=document.number("bias"),
        weights=document.numbers_by_name("weights"),
        threshold=document.number("threshold"),
    )
    unknown = calibration.weights.keys() - Statistics.__dataclass_fields__.keys()
    if unknown:
        raise ModelFolderError(
            f"{path} weighs {', '.join(sorted(unknown))}, which no decoding gives",
            f"use only: {', '.join(Statistics.__dataclass_fields__)}",
        )
    return calibration
