"""Listening: silence stays silent, long sound is heard whole, and callers never meet."""

from collections.abc import Callable
from dataclasses import asdict, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from voice_api.errors import VoiceApiError
from voice_api.speech.protocol import SAMPLE_RATE, Listener, TranscribeOptions, Transcript
from voice_api.speech.stopwatch import Stopwatch
from voice_api.speech.vad import SpeechGate
from voice_api.speech.whisper.context import Listening
from voice_api.speech.whisper.decode import Search, decode
from voice_api.speech.whisper.engine import Whisper, cleaned
from voice_api.speech.whisper.hearing import Hearing
from voice_api.speech.whisper.rules import TokenRules

MERGED = ("encoder_model", "decoder_model_merged")
PLAIN = TranscribeOptions()
Sound = NDArray[np.float32]


def noise(seconds: float, level: float) -> Sound:
    return np.random.default_rng(0).normal(0, level, int(seconds * SAMPLE_RATE)).astype(np.float32)


def hum(seconds: float) -> Sound:
    return (0.3 * np.sin(2 * np.pi * 50 / SAMPLE_RATE * np.arange(int(seconds * SAMPLE_RATE)))).astype(
        np.float32
    )


QUIET: dict[str, Sound] = {
    "nothing": np.zeros(0, dtype=np.float32),
    "one sample": np.ones(1, dtype=np.float32),
    "silence": np.zeros(2 * SAMPLE_RATE, dtype=np.float32),
    "noise": noise(3, 0.1),
    "loud noise": noise(3, 0.5),
    "hum": hum(3),
    "a click": np.pad(np.ones(8, dtype=np.float32), (8_000, 8_000)),
    "long noise": noise(15, 0.1),
    "numbers that are none": np.full(SAMPLE_RATE, np.nan, dtype=np.float32),
}


@pytest.mark.parametrize("name", QUIET)
def test_what_is_not_speech_gives_no_text_and_never_reaches_the_model(name: str, small: Whisper) -> None:
    transcript = small.transcribe(QUIET[name], PLAIN)
    assert (transcript.text, transcript.reason, transcript.segments) == ("", "no_speech", ())
    assert (transcript.confidence, transcript.doubtful) == (None, False)
    assert transcript.timings_ms["encode"] == transcript.timings_ms["decode"] == 0.0
    assert transcript.duration_seconds == QUIET[name].size / SAMPLE_RATE


def test_speech_passes_every_stage(small: Whisper, speak: Callable[..., Sound]) -> None:
    listener: Listener = small
    transcript = listener.transcribe(speak(), PLAIN)
    assert transcript.text
    assert transcript.reason is None
    assert transcript.language == "en"
    assert set(transcript.timings_ms) == {"vad", "features", "encode", "decode"}
    assert all(milliseconds > 0 for milliseconds in transcript.timings_ms.values())


def test_quiet_speech_is_heard(small: Whisper, speak: Callable[..., Sound]) -> None:
    assert small.transcribe(speak() * np.float32(0.02), PLAIN).text


def test_the_single_segment_of_a_short_sound_spans_it(small: Whisper, speak: Callable[..., Sound]) -> None:
    transcript = small.transcribe(speak(), PLAIN)
    (segment,) = transcript.segments
    assert (segment.start_seconds, segment.end_seconds) == (0.0, transcript.duration_seconds)
    assert segment.text == transcript.text
    assert segment.average_log_probability < 0


def several_sentences(speak: Callable[..., Sound], count: int) -> Sound:
    pause = np.zeros(SAMPLE_RATE // 2, dtype=np.float32)
    return np.concatenate([part for _ in range(count) for part in (speak(), pause)])


def windows_of(whisper: Whisper, sound: Sound) -> list[tuple[float, float]]:
    """Start and end, in seconds of the sound, of every window that was decoded."""
    heard = Hearing(whisper.model, SpeechGate(), PLAIN, Stopwatch()).windows(sound)
    return [(window.segments[0].start_seconds, window.segments[-1].end_seconds) for window in heard]


def test_long_sound_is_heard_whole_in_windows_that_fit(small: Whisper, speak: Callable[..., Sound]) -> None:
    sound = several_sentences(speak, 8)
    windows = windows_of(small, sound)
    assert len(windows) > 2
    assert windows[0][0] == 0.0
    assert windows[-1][1] == pytest.approx(sound.size / SAMPLE_RATE, abs=0.6)
    assert all(left[1] == pytest.approx(right[0]) for left, right in pairwise(windows))
    assert all(end - start <= 6.0 for start, end in windows)


def test_windows_without_speech_are_passed_over(small: Whisper, speak: Callable[..., Sound]) -> None:
    gap = np.zeros(20 * SAMPLE_RATE, dtype=np.float32)
    first, last = windows_of(small, np.concatenate([speak(), gap, speak()]))
    assert first[1] <= 6.0
    assert last[0] >= 15.0


def test_long_sound_of_a_model_that_tells_the_time_has_ordered_segments(
    load: Callable[..., Whisper], speak: Callable[..., Sound]
) -> None:
    whisper = load(graphs=MERGED)
    transcript = whisper.transcribe(several_sentences(speak, 16), TranscribeOptions(language="en"))
    starts = [segment.start_seconds for segment in transcript.segments]
    assert transcript.duration_seconds > 30
    assert starts == sorted(starts)
    assert max(starts) > 20
    assert max(segment.end_seconds for segment in transcript.segments) <= transcript.duration_seconds + 1e-9


def test_asking_the_time_of_a_model_that_cannot_tell_it_gives_one_segment(
    small: Whisper, speak: Callable[..., Sound]
) -> None:
    assert len(small.transcribe(speak(), TranscribeOptions(timestamps=True)).segments) == 1


def test_nothing_of_one_caller_reaches_the_next(small: Whisper, speak: Callable[..., Sound]) -> None:
    first = small.transcribe(speak("scale web to three"), PLAIN)
    other = small.transcribe(speak("roll back the shop"), PLAIN)
    again = small.transcribe(speak("scale web to three"), PLAIN)
    assert first.text != other.text
    assert first.segments == again.segments


def test_the_language_is_detected_when_none_is_asked_for(
    load: Callable[..., Whisper], speak: Callable[..., Sound]
) -> None:
    whisper = load(graphs=MERGED)
    hidden = whisper.model.encode(speak(), Stopwatch())
    generation = whisper.model.folder.generation
    logits = whisper.model.decoder.begin(hidden).feed(np.array([[generation.start_token]]))[0, 0]
    scores = {code: logits[token] for code, token in generation.languages.items()}
    assert whisper.transcribe(speak(), PLAIN).language == max(scores, key=lambda code: scores[code])
    assert whisper.transcribe(speak(), TranscribeOptions(language="fr")).language == "fr"
    assert whisper.languages == ("de", "en", "fr", "nl")


@pytest.mark.parametrize(
    ("english_only", "options", "code"),
    [
        (True, TranscribeOptions(language="de"), "unknown_language"),
        (True, TranscribeOptions(task="translate"), "no_translation"),
        (False, TranscribeOptions(language="tlh"), "unknown_language"),
        (False, TranscribeOptions(language="<|nospeech|>"), "unknown_language"),
    ],
)
def test_what_a_model_cannot_do_is_refused_with_a_fix(
    english_only: bool, options: TranscribeOptions, code: str, small: Whisper, load: Callable[..., Whisper]
) -> None:
    whisper = small if english_only else load(graphs=MERGED)
    with pytest.raises(VoiceApiError) as refused:
        whisper.transcribe(noise(1, 0.1), options)
    assert refused.value.code == code
    assert refused.value.fix


def test_translation_is_another_text(load: Callable[..., Whisper], speak: Callable[..., Sound]) -> None:
    whisper = load(graphs=MERGED)
    same = TranscribeOptions(language="nl")
    translated = TranscribeOptions(language="nl", task="translate")
    assert whisper.measure(speak(), same)[1] != whisper.measure(speak(), translated)[1]


def test_an_encoder_of_any_length_gets_little_more_than_the_sound(
    small: Whisper, load: Callable[..., Whisper], speak: Callable[..., Sound]
) -> None:
    seconds = speak().size / SAMPLE_RATE
    positions = small.model.encode(speak(), Stopwatch()).shape()[1]
    assert seconds <= positions * 0.04 <= seconds + 0.6
    assert load(graphs=MERGED).model.encode(speak(), Stopwatch()).shape()[1] == 1500


@pytest.fixture(scope="module")
def once(small: Whisper) -> Whisper:
    """The small model, which decodes what it hears once and takes the likeliest."""
    return Whisper(replace(small.model, listening=Listening(retries=False)))


def test_silence_before_an_utterance_is_not_encoded(once: Whisper, speak: Callable[..., Sound]) -> None:
    late = np.pad(speak(), (3 * SAMPLE_RATE, 0))
    begin = SpeechGate().first_speech(late)
    assert begin is not None
    heard = once.transcribe(late, PLAIN)
    assert tokens_of(heard) == told(once, late[begin - SAMPLE_RATE // 4 :])
    assert heard.duration_seconds == late.size / SAMPLE_RATE


@pytest.mark.parametrize("cut", [0, 200, 1_000])
def test_an_utterance_that_begins_at_once_is_heard_as_after_a_moment_of_silence(
    cut: int, once: Whisper, speak: Callable[..., Sound]
) -> None:
    words = np.trim_zeros(speak())[cut:]
    begin = SpeechGate().first_speech(words)
    assert begin is not None
    assert begin < SAMPLE_RATE // 4
    assert tokens_of(once.transcribe(words, PLAIN)) == told(
        once, np.pad(words, (SAMPLE_RATE // 4 - begin, 0))
    )


def test_no_silence_is_put_before_sound_that_fills_a_chunk(
    once: Whisper, speak: Callable[..., Sound]
) -> None:
    full = np.resize(np.trim_zeros(speak()), 6 * SAMPLE_RATE)
    assert tokens_of(once.transcribe(full, PLAIN)) == told(once, full)


def tokens_of(transcript: Transcript) -> tuple[int, ...]:
    return tuple(token for segment in transcript.segments for token in segment.token_ids)


def told(whisper: Whisper, sound: Sound) -> tuple[int, ...]:
    """The likeliest tokens of sound that goes to the encoder as it is."""
    model = whisper.model
    prompt = model.prompter.prompt(PLAIN, "en", timestamps=False)
    decoding = model.decoder.begin(model.encode(sound, Stopwatch()))
    return decode(decoding, prompt, TokenRules(model.folder.generation, timestamps=False), Search()).tokens


@settings(max_examples=10)
@given(st.lists(st.floats(width=32), min_size=1, max_size=50), st.integers(1, 2_000))
def test_any_numbers_are_survived(small: Whisper, values: list[float], repeats: int) -> None:
    sound = np.tile(np.array(values, dtype=np.float32), repeats)
    transcript = small.transcribe(sound, PLAIN)
    assert transcript.duration_seconds == sound.size / SAMPLE_RATE
    assert np.abs(cleaned(sound)).max() <= 1.0


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf, 1.5, -2.0])
def test_sound_is_cleaned_of_a_single_number_that_is_out_of_range(odd: float) -> None:
    sound = noise(1, 0.1)
    sound[777] = odd
    found = cleaned(sound)
    assert np.isfinite(found).all()
    assert np.abs(found).max() <= 1.0
    np.testing.assert_array_equal(np.delete(found, 777), np.delete(sound, 777))


def test_a_transcript_can_be_written_as_plain_data(small: Whisper, speak: Callable[..., Any]) -> None:
    assert asdict(small.transcribe(speak(), PLAIN))["timings_ms"].keys() >= {"decode"}
