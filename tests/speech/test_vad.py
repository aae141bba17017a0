"""The silence gate lets speech through and nothing else."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from voice_api.speech.protocol import SAMPLE_RATE
from voice_api.speech.vad import CHUNK_SAMPLES, SpeechGate, active_seconds, levels_of

Sound = NDArray[np.float32]


@pytest.fixture(scope="module")
def gate() -> SpeechGate:
    return SpeechGate()


def silence(seconds: float) -> Sound:
    return np.zeros(int(seconds * SAMPLE_RATE), dtype=np.float32)


@pytest.mark.parametrize("voice", ["en-us", "en-gb+f3", "en-us+m7"])
@pytest.mark.parametrize("sentence", ["yes", "no", "how many pods are not ready"])
def test_even_one_word_is_speech(
    gate: SpeechGate, speak: Callable[..., Sound], sentence: str, voice: str
) -> None:
    assert gate.first_speech(speak(sentence, voice)) is not None


@pytest.mark.parametrize("level", [0.0, 0.003])
def test_the_first_speech_is_found_where_it_begins(
    gate: SpeechGate, speak: Callable[..., Sound], level: float
) -> None:
    before = np.random.default_rng(0).normal(0, level, 2 * SAMPLE_RATE).astype(np.float32)
    begin = gate.first_speech(np.concatenate([before, speak()]))
    assert begin is not None
    assert begin / SAMPLE_RATE == pytest.approx(2.0, abs=0.2)


def test_the_gate_asks_every_half_second_whether_to_go_on(
    gate: SpeechGate,
) -> None:
    asked: list[None] = []
    hiss = np.random.default_rng(0).normal(0, 0.1, 4 * SAMPLE_RATE).astype(np.float32)
    assert gate.first_speech(hiss, lambda: asked.append(None)) is None
    assert 7 <= len(asked) <= 9


def test_the_gate_forgets_the_sound_before(gate: SpeechGate, speak: Callable[..., Sound]) -> None:
    fresh = list(SpeechGate().probabilities(speak()))
    assert gate.first_speech(speak("roll back the shop")) is not None
    assert list(gate.probabilities(speak())) == fresh
    assert len(fresh) > 30


def test_active_seconds_leave_out_the_silence_around(speak: Callable[..., Sound]) -> None:
    alone = active_seconds(speak())
    assert active_seconds(np.concatenate([silence(2), speak(), silence(3)])) == pytest.approx(alone, abs=0.1)
    assert active_seconds(silence(2)) == active_seconds(silence(0)) == 0.0


@pytest.mark.parametrize("samples", [0, 1, 511, 512, 513, 5_000])
def test_the_level_of_a_chunk_is_its_root_mean_square_with_the_last_one_filled_with_silence(
    samples: int,
) -> None:
    sound = np.random.default_rng(0).normal(0, 0.2, samples).astype(np.float32)
    filled = np.pad(sound, (0, -samples % CHUNK_SAMPLES)).reshape(-1, CHUNK_SAMPLES)
    np.testing.assert_allclose(levels_of(sound), np.sqrt(np.square(filled).mean(axis=1)), rtol=1e-5)
