"""Confidence is a logistic over what the decoder did, and a doubt has a threshold."""

import json
import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from voice_api.speech.protocol import TranscribeOptions, Transcript
from voice_api.speech.stopwatch import Stopwatch
from voice_api.speech.whisper.confidence import (
    Calibration,
    Statistics,
    TokenTrace,
    compression_ratio,
    statistics_of,
)
from voice_api.speech.whisper.decode import Decoded
from voice_api.speech.whisper.engine import Whisper, load_whisper
from voice_api.speech.whisper.transcripts import LOOPING_COMPRESSION, Heard, segments_of, transcript_of
from voice_api.speech.whisper.windows import Piece

SURE = TokenTrace(token=1, log_probability=math.log(0.9), margin=3.0, entropy=0.2)
UNSURE = TokenTrace(token=2, log_probability=math.log(0.2), margin=0.1, entropy=2.0)


def test_statistics_are_means_and_worst_cases_over_all_tokens() -> None:
    found = statistics_of([SURE, UNSURE], no_speech_probability=0.25, speech_seconds=0.5)
    assert found.mean_log_probability == pytest.approx((math.log(0.9) + math.log(0.2)) / 2)
    assert found.minimum_log_probability == pytest.approx(math.log(0.2))
    assert (found.mean_margin, found.minimum_margin) == (pytest.approx(1.55), 0.1)
    assert (found.mean_entropy, found.maximum_entropy) == (pytest.approx(1.1), 2.0)
    assert (found.unsure_share, found.tokens_per_second) == (0.5, 4.0)
    assert found.no_speech_probability == 0.25


def test_a_loop_compresses_and_a_sentence_does_not() -> None:
    assert compression_ratio([5, 6, 7] * 40) > LOOPING_COMPRESSION
    assert (
        compression_ratio([int(x) for x in np.random.default_rng(0).integers(0, 640, 30)])
        < LOOPING_COMPRESSION
    )
    assert compression_ratio([]) == 1.0


def test_confidence_is_the_logistic_of_the_weighted_statistics() -> None:
    statistics = statistics_of([SURE], 0.0, 1.0)
    calibration = Calibration(bias=1.0, weights={"mean_margin": 0.5}, threshold=0.5)
    assert calibration.confidence(statistics) == pytest.approx(1 / (1 + math.exp(-(1.0 + 0.5 * 3.0))))
    assert Calibration(-1e9, {}, 0.5).confidence(statistics) < 1e-20


def transcript_with(small: Whisper, calibration: Calibration, tokens: tuple[int, ...]) -> Transcript:
    """A transcript of one window in which these tokens were heard, each of them surely."""
    folder = replace(small.model.folder, calibration=calibration)
    decoded = Decoded(tokens, tuple(replace(SURE, token=token) for token in tokens), 0.0)
    segments = segments_of(decoded, (Piece(0.0, 1.0, tokens),), ((),), (0.0, 0.0), folder)
    heard = [Heard(decoded, segments)]
    return transcript_of(heard, np.ones(16_000, dtype=np.float32), "en", folder, Stopwatch())[0]


@pytest.mark.parametrize(("bias", "doubtful"), [(-3.0, True), (3.0, False)])
def test_a_transcript_below_the_threshold_is_doubtful(small: Whisper, bias: float, doubtful: bool) -> None:
    transcript = transcript_with(small, Calibration(bias, {"minimum_margin": 0.1}, 0.5), (65, 66, 67))
    assert transcript.confidence == pytest.approx(1 / (1 + math.exp(-(bias + 0.1 * 3.0))))
    assert transcript.doubtful == doubtful


def test_a_loop_is_doubtful_however_sure_the_model_is(small: Whisper) -> None:
    sure = Calibration(9.0, {}, 0.5)
    assert not transcript_with(small, sure, (65, 66, 67)).doubtful
    assert transcript_with(small, sure, (65, 66, 67) * 30).doubtful


def test_the_calibration_beside_a_model_is_read_and_used(
    small_folder: Path, tmp_path: Path, speak: Callable[..., NDArray[np.float32]]
) -> None:
    folder = tmp_path / "calibrated"
    shutil.copytree(small_folder, folder, ignore=shutil.ignore_patterns("reference"))
    content = {"bias": -1.0, "weights": {"mean_entropy": 0.1}, "threshold": 0.5}
    (folder / "confidence.json").write_text(json.dumps(content))
    transcript, statistics = load_whisper(folder, 1).measure(speak(), TranscribeOptions())
    wanted = 1 / (1 + math.exp(-(-1.0 + 0.1 * statistics.mean_entropy)))
    assert transcript.confidence == pytest.approx(wanted)


def test_without_calibration_there_is_no_confidence(
    small: Whisper, speak: Callable[..., NDArray[np.float32]]
) -> None:
    assert small.transcribe(speak(), TranscribeOptions()).confidence is None


def test_every_statistic_is_a_finite_number(
    small: Whisper, speak: Callable[..., NDArray[np.float32]]
) -> None:
    _, statistics = small.measure(speak(), TranscribeOptions())
    assert all(math.isfinite(getattr(statistics, name)) for name in Statistics.__dataclass_fields__)
