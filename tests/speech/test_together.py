"""Several callers at once: each gets what it would get alone, can be stopped, and is told as it goes."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.resources import files
from itertools import zip_longest
from pathlib import Path
from threading import Barrier

import numpy as np
import pytest
from numpy.typing import NDArray

from voice_api.speech.protocol import SAMPLE_RATE, Company, GivenUpError, Segment, TranscribeOptions
from voice_api.speech.vad import SpeechGate
from voice_api.speech.whisper.engine import Whisper, load_whisper

Sound = NDArray[np.float32]
PLAIN = TranscribeOptions()
SENTENCES = ("how many pods are not ready", "list the nodes", "scale web to three", "yes")


@dataclass(slots=True)
class Patience:
    """Somebody who waits for so many questions, and then no longer."""

    left: int
    asked: int = 0
    heard: list[Segment] = field(default_factory=list)

    def go_on(self) -> None:
        self.asked += 1
        self.left -= 1
        if self.left < 0:
            raise GivenUpError

    @property
    def company(self) -> Company:
        return Company(self.go_on, self.heard.append)


@pytest.fixture(scope="module")
def embedded() -> Whisper:
    return load_whisper(Path(str(files("voice_api"))) / "models" / "embedded", 1)


@pytest.fixture(scope="module")
def long_sound(speak: Callable[..., Sound]) -> Sound:
    return np.concatenate([np.pad(speak(sentence), (0, SAMPLE_RATE // 2)) for sentence in SENTENCES * 4])


def test_short_ones_beside_a_long_one_are_heard_as_alone(
    embedded: Whisper, speak: Callable[..., Sound], long_sound: Sound
) -> None:
    sounds = [long_sound, *(speak(sentence) for sentence in SENTENCES)]
    alone = [embedded.transcribe(sound, PLAIN) for sound in sounds]
    begin = Barrier(len(sounds))

    def hear(sound: Sound) -> list[tuple[Segment, ...]]:
        begin.wait(timeout=60)
        return [embedded.transcribe(sound, PLAIN).segments for _ in range(1 if sound is long_sound else 8)]

    with ThreadPoolExecutor(len(sounds)) as threads:
        together = list(threads.map(hear, sounds))
    assert [one.text for one in alone[1:]] == list(SENTENCES)
    for expected, found in zip(alone, together, strict=True):
        assert all(segments == expected.segments for segments in found)


def test_one_gate_hears_several_sounds_at_once(speak: Callable[..., Sound]) -> None:
    gate, sounds = SpeechGate(), [speak(sentence) for sentence in SENTENCES]
    steps = [gate.probabilities(sound) for sound in sounds]
    mixed = zip(*zip_longest(*steps), strict=True)
    found = [[step for step in sound if step is not None] for sound in mixed]
    assert found == [list(SpeechGate().probabilities(sound)) for sound in sounds]


def test_a_gate_that_was_left_early_serves_the_next_one_afresh(speak: Callable[..., Sound]) -> None:
    gate = SpeechGate()
    first = [gate.first_speech(speak(sentence)) for sentence in SENTENCES]
    assert first == [SpeechGate().first_speech(speak(sentence)) for sentence in SENTENCES]


@pytest.mark.parametrize("patience", [0, 1, 2, 5, 20])
def test_who_gives_up_is_heard_at_the_next_window_or_token(
    patience: int, embedded: Whisper, long_sound: Sound
) -> None:
    somebody = Patience(patience)
    with pytest.raises(GivenUpError):
        embedded.transcribe(long_sound, PLAIN, somebody.company)
    assert somebody.asked == patience + 1


def test_the_engine_asks_whether_to_go_on_for_every_window_and_token(
    embedded: Whisper, long_sound: Sound
) -> None:
    somebody = Patience(100_000)
    transcript = embedded.transcribe(long_sound, PLAIN, somebody.company)
    tokens = sum(len(segment.token_ids) + 1 for segment in transcript.segments)
    windows = len(transcript.segments)
    assert [segment.text for segment in transcript.segments] == [*SENTENCES] * 4
    assert tokens + windows <= somebody.asked <= tokens + 3 * windows


def test_each_segment_is_told_once_in_order_before_the_transcript_is_there(
    embedded: Whisper, long_sound: Sound
) -> None:
    somebody = Patience(100_000)
    transcript = embedded.transcribe(long_sound, PLAIN, somebody.company)
    assert tuple(somebody.heard) == transcript.segments
    given_up = Patience(somebody.asked // 2)
    with pytest.raises(GivenUpError):
        embedded.transcribe(long_sound, PLAIN, given_up.company)
    assert 2 < len(given_up.heard) < len(somebody.heard)
    assert given_up.heard == somebody.heard[: len(given_up.heard)]


def test_after_one_that_gave_up_the_next_is_heard_as_ever(
    embedded: Whisper, speak: Callable[..., Sound], long_sound: Sound
) -> None:
    with pytest.raises(GivenUpError):
        embedded.transcribe(long_sound, PLAIN, Patience(7).company)
    assert embedded.transcribe(speak(), PLAIN).text == "how many pods are not ready"
