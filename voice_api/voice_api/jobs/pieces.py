"""A long sound in pieces, each cut where it is quiet: so that its length costs time, and no memory."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from voice_api.speech.protocol import (
    SAMPLE_RATE,
    Company,
    Listener,
    Segment,
    TranscribeOptions,
    Transcript,
    Word,
)
from voice_api.speech.whisper.languages import UNSPACED_LANGUAGES

PIECE_SECONDS = 300.0
SEARCHED_SECONDS = 30.0
"""How much of a piece's end is searched for the place to cut: in half a minute somebody draws breath."""

QUIET_SECONDS = 0.4
STEP_SECONDS = 0.02

Samples = NDArray[np.float32]


def pieces(blocks: Iterable[Samples], longest_seconds: float = PIECE_SECONDS) -> Iterator[Samples]:
    """The same sound in pieces of at most so many seconds; a short one in one piece."""
    longest = int(longest_seconds * SAMPLE_RATE)
    rest = np.empty(0, np.float32)
    for block in blocks:
        rest = np.concatenate((rest, block))
        while len(rest) > longest:
            end = quietest(rest[:longest])
            yield rest[:end]
            rest = rest[end:]
    if rest.size:
        yield rest


def quietest(samples: Samples) -> int:
    """The middle of the quietest 0.4 s near the end, as a number of samples; of equals the last."""
    step, width = int(STEP_SECONDS * SAMPLE_RATE), int(QUIET_SECONDS / STEP_SECONDS)
    begin = max(0, len(samples) - int(SEARCHED_SECONDS * SAMPLE_RATE), len(samples) // 2)
    steps = (len(samples) - begin) // step
    if steps < width:
        return len(samples)
    powers = np.square(samples[begin : begin + steps * step].reshape(steps, step), dtype=np.float64).mean(
        axis=1
    )
    sums = np.convolve(powers, np.ones(width), "valid")
    first = len(sums) - 1 - int(np.argmin(sums[::-1]))
    return begin + (first + width // 2) * step


def heard_in_pieces(
    listener: Listener, parts: Iterable[Samples], options: TranscribeOptions, company: Company
) -> Transcript:
    """One transcript of them all. The language that the first words are in is that of all."""
    heard: list[tuple[float, Transcript]] = []
    start = 0.0
    for samples in parts:
        told = Company(company.go_on, partial(_tell, company, start))
        transcript = listener.transcribe(samples, options, told)
        heard.append((start, transcript))
        start += len(samples) / SAMPLE_RATE
        if transcript.text and options.language is None:
            options = replace(options, language=transcript.language)
    return joined(heard)


def joined(heard: list[tuple[float, Transcript]]) -> Transcript:
    """Transcripts that follow each other, each with the second in which it begins.

    The confidence is the mean over the seconds of those that hold words; one that is doubtful makes the
    whole so.
    """
    if len(heard) == 1:
        return heard[0][1]
    spoken = [each for _, each in heard if each.text]
    language = spoken[0].language if spoken else heard[0][1].language
    joint = "" if language in UNSPACED_LANGUAGES else " "
    return Transcript(
        text=joint.join(each.text for each in spoken),
        language=language,
        duration_seconds=sum(each.duration_seconds for _, each in heard),
        segments=tuple(moved(segment, start) for start, each in heard for segment in each.segments),
        confidence=_mean_confidence(spoken),
        doubtful=any(each.doubtful for each in spoken),
        reason=None if spoken else heard[0][1].reason,
        timings_ms=_summed(each for _, each in heard),
        retries=tuple(retry for _, each in heard for retry in each.retries),
    )


def moved(segment: Segment, seconds: float) -> Segment:
    """The same, so much later."""
    return replace(
        segment,
        start_seconds=segment.start_seconds + seconds,
        end_seconds=segment.end_seconds + seconds,
        words=tuple(_later(word, seconds) for word in segment.words),
    )


def _tell(company: Company, start: float, segment: Segment) -> None:
    company.heard(moved(segment, start))


def _later(word: Word, seconds: float) -> Word:
    start, end = word.start_seconds + seconds, word.end_seconds + seconds
    return replace(word, start_seconds=start, end_seconds=end)


def _mean_confidence(spoken: list[Transcript]) -> float | None:
    known = [(each.confidence, each.duration_seconds) for each in spoken if each.confidence is not None]
    seconds = sum(duration for _, duration in known)
    return sum(value * duration for value, duration in known) / seconds if seconds else None


def _summed(heard: Iterable[Transcript]) -> dict[str, float]:
    sums: dict[str, float] = {}
    for each in heard:
        for name, value in each.timings_ms.items():
            sums[name] = sums.get(name, 0.0) + value
    return sums
