"""A long sound in pieces: nothing lost, cut where it is quiet, and told as one transcript."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voice_api.audio.decoding import AudioLimits, read_sound, sound_blocks, sound_seconds
from voice_api.audio.encoding import resampled_speech
from voice_api.errors import VoiceApiError
from voice_api.figures import Figures
from voice_api.http.processing import hearing
from voice_api.jobs.pieces import heard_in_pieces, joined, moved, pieces, quietest
from voice_api.model import load_model
from voice_api.settings import Settings
from voice_api.speech.protocol import ALONE, Company, Segment, TranscribeOptions, Transcript, Word
from voice_api.speech.speakers.espeak import EspeakSpeaker

RATE = 16_000
LIMITS = AudioLimits(max_seconds=600, min_sample_rate=4_000, max_sample_rate=192_000, max_channels=8)


@settings(max_examples=60)
@given(
    st.lists(st.integers(0, 30_000), max_size=12),
    st.floats(0.1, 2.0),
    st.integers(0, 2**32 - 1),
)
def test_pieces_are_the_same_sound_and_none_is_too_long(sizes: list[int], longest: float, seed: int) -> None:
    chance = np.random.default_rng(seed)
    blocks = [chance.normal(size=size).astype(np.float32) for size in sizes]
    made = list(pieces(blocks, longest))
    assert np.array_equal(np.concatenate([np.empty(0, np.float32), *made]), np.concatenate([[], *blocks]))
    assert all(0 < len(each) <= longest * RATE for each in made)


def test_a_sound_is_cut_in_the_middle_of_a_pause() -> None:
    samples = np.random.default_rng(1).normal(size=100 * RATE).astype(np.float32)
    samples[80 * RATE : 81 * RATE] *= 0.001
    assert 80 * RATE < quietest(samples) < 81 * RATE


def test_a_pause_long_before_the_end_is_no_place_to_cut() -> None:
    samples = np.random.default_rng(1).normal(size=100 * RATE).astype(np.float32)
    samples[20 * RATE : 21 * RATE] = 0.0
    assert quietest(samples) > 70 * RATE


def said(text: str, seconds: float, confidence: float | None = 0.9, doubtful: bool = False) -> Transcript:
    words = (Word(text, 0.5, 1.0, 0.9),) if text else ()
    segments = (Segment(0.0, seconds, text, -0.1, 0.0, (1,), 0.0, words),) if text else ()
    timings = {"encode": 10.0, "decode": 5.0}
    reason = None if text else "no_speech"
    return Transcript(text, "en", seconds, segments, confidence, doubtful, reason, timings, ("context",))


def test_what_follows_is_told_with_its_time_in_the_whole() -> None:
    whole = joined(
        [(0.0, said("one", 300.0)), (300.0, said("", 100.0)), (400.0, said("two", 50.0, 0.3, True))]
    )
    assert (whole.text, whole.duration_seconds) == ("one two", 450.0)
    assert [(each.start_seconds, each.end_seconds) for each in whole.segments] == [(0, 300), (400, 450)]
    assert whole.segments[1].words[0].start_seconds == 400.5
    assert whole.confidence == pytest.approx((0.9 * 300 + 0.3 * 50) / 350)
    assert whole.doubtful
    assert (whole.timings_ms["encode"], whole.retries) == (30.0, ("context",) * 3)
    assert whole.reason is None


def test_silence_throughout_has_its_reason() -> None:
    whole = joined([(0.0, said("", 300.0, None)), (300.0, said("", 10.0, None))])
    assert (whole.text, whole.reason, whole.confidence, whole.doubtful) == ("", "no_speech", None, False)


def test_one_piece_is_told_as_it_was_heard() -> None:
    only = said("one", 10.0)
    assert joined([(0.0, only)]) is only
    assert moved(only.segments[0], 0.0) == only.segments[0]


def test_the_language_of_the_first_words_is_that_of_all_and_progress_is_of_the_whole() -> None:
    asked: list[str | None] = []
    told: list[float] = []

    class Ear:
        name = "ear"

        def transcribe(
            self, samples: Any, options: TranscribeOptions, company: Company = ALONE
        ) -> Transcript:
            asked.append(options.language)
            company.go_on()
            heard = said("" if len(asked) == 1 else "words", len(samples) / RATE)
            company.tell(heard.segments)
            return heard

    parts = [np.zeros(RATE, np.float32)] * 4
    company = Company(heard=lambda segment: told.append(segment.end_seconds))
    assert heard_in_pieces(Ear(), parts, TranscribeOptions(), company).duration_seconds == 4.0
    assert asked == [None, None, "en", "en"]
    assert told == [2.0, 3.0, 4.0]


def test_blocks_are_the_sound_that_is_read_at_once(wav: Callable[[float], bytes]) -> None:
    body = wav(7.3)
    whole = read_sound(body, LIMITS).samples
    assert np.array_equal(np.concatenate(list(sound_blocks(body, LIMITS))), whole)
    assert sound_seconds(body, LIMITS) == len(whole) / RATE


@pytest.mark.parametrize(
    ("body", "code"), [(b"", "audio_empty"), (b"RIFF nothing", "unsupported_audio_format")]
)
def test_what_is_refused_at_once_is_refused_in_blocks_too(body: bytes, code: str) -> None:
    for act in (read_sound, sound_seconds, lambda *given: list(sound_blocks(*given))):
        with pytest.raises(VoiceApiError) as caught:
            act(body, LIMITS)
        assert caught.value.code == code


def test_a_file_that_is_too_long_is_refused_before_any_of_it_is_heard(
    wav: Callable[[float], bytes], ear: Any
) -> None:
    longer_than_a_piece = 310.0
    hear = hearing(ear, Settings(max_audio_seconds=longer_than_a_piece), Figures())
    assert hear(wav(9), (), ALONE).media_type == "application/json"
    with pytest.raises(VoiceApiError) as caught:
        hear(wav(longer_than_a_piece + 1), (), ALONE)
    assert (caught.value.code, ear.heard) == ("audio_too_long", 1)


def test_a_real_model_hears_in_pieces_what_it_hears_at_once() -> None:
    speaker = EspeakSpeaker()
    spoken = resampled_speech(speaker.speak("how many pods are running", None, 1.0), speaker.sample_rate)
    sound = np.tile(np.concatenate([spoken, np.zeros(RATE, np.float32)]), 40)
    model = load_model("embedded", Path("/nowhere"), 2)
    at_once = model.transcribe(sound, TranscribeOptions())
    parts = list(pieces([sound], 20.0))
    assert len(parts) > 4
    in_pieces = heard_in_pieces(model, parts, TranscribeOptions(), ALONE)
    assert in_pieces.text == at_once.text
    starts = [each.start_seconds for each in in_pieces.segments]
    assert starts == sorted(starts)
    assert starts[-1] > len(sound) / RATE - 30
    assert in_pieces.segments[-1].end_seconds <= len(sound) / RATE
