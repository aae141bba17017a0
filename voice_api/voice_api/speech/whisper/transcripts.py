"""From decoded windows to a transcript: text, segments, confidence."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from voice_api.speech.protocol import SAMPLE_RATE, Segment, Transcript, Word
from voice_api.speech.stopwatch import Stopwatch
from voice_api.speech.vad import active_seconds
from voice_api.speech.whisper.confidence import Statistics, statistics_of
from voice_api.speech.whisper.decode import Decoded
from voice_api.speech.whisper.languages import UNSPACED_LANGUAGES
from voice_api.speech.whisper.layout import ModelFolder
from voice_api.speech.whisper.windows import Piece

NO_SPEECH = "no_speech"
LIKELY_NO_SPEECH = 0.6
UNLIKELY_TEXT = -1.0
LOOPING_COMPRESSION = 2.4
"""The three limits of the Whisper paper's reference: no speech, log-probability, compression."""


@dataclass(frozen=True, slots=True)
class Heard:
    """One decoded window, and the stretches of it that hold words."""

    decoded: Decoded
    segments: tuple[Segment, ...]


def worth_keeping(decoded: Decoded) -> bool:
    """False where the model itself says that nobody spoke and does not believe its words either."""
    silent = decoded.no_speech_probability > LIKELY_NO_SPEECH
    return not (silent and decoded.average_log_probability < UNLIKELY_TEXT)


def transcript_of(
    heard: Sequence[Heard], sound: NDArray[np.float32], language: str, folder: ModelFolder, watch: Stopwatch
) -> tuple[Transcript, Statistics]:
    """The transcript, and what its confidence was computed from.

    A text that repeats itself like a loop is doubtful whatever its confidence.
    """
    segments = tuple(segment for window in heard for segment in window.segments)
    joint = "" if language in UNSPACED_LANGUAGES else " "
    text = joint.join(segment.text for segment in segments)
    statistics = statistics_of(
        [entry for window in heard for entry in window.decoded.trace],
        max((window.decoded.no_speech_probability for window in heard), default=0.0),
        active_seconds(sound),
    )
    calibration = folder.calibration if text else None
    confidence = calibration.confidence(statistics) if calibration else None
    unsure = calibration is not None and confidence is not None and confidence < calibration.threshold
    transcript = Transcript(
        text=text,
        language=language,
        duration_seconds=sound.size / SAMPLE_RATE,
        segments=segments,
        confidence=confidence,
        doubtful=bool(text) and (unsure or statistics.compression_ratio > LOOPING_COMPRESSION),
        reason=None if text else NO_SPEECH,
        timings_ms=watch.timings_ms,
        retries=tuple(reason for window in heard for reason in window.decoded.retries),
    )
    return transcript, statistics


def segments_of(
    decoded: Decoded,
    pieces: Sequence[Piece],
    words: Sequence[tuple[Word, ...]],
    starts: tuple[float, float],
    folder: ModelFolder,
) -> tuple[Segment, ...]:
    """The pieces that hold text, in seconds of the whole sound.

    starts  where the window begins, which pieces count from, and its utterance, which words count from
    """
    window, utterance = starts
    texts = [folder.vocabulary.text(piece.tokens, folder.generation).strip() for piece in pieces]
    return tuple(
        Segment(
            start_seconds=window + piece.start_seconds,
            end_seconds=window + piece.end_seconds,
            text=text,
            average_log_probability=decoded.average_log_probability,
            no_speech_probability=decoded.no_speech_probability,
            token_ids=piece.tokens,
            temperature=decoded.temperature,
            words=tuple(moved(word, utterance) for word in spoken),
        )
        for piece, text, spoken in zip(pieces, texts, words, strict=True)
        if text
    )


def moved(word: Word, seconds: float) -> Word:
    start, end = word.start_seconds + seconds, word.end_seconds + seconds
    return replace(word, start_seconds=start, end_seconds=end)
