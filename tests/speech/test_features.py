"""Features equal those of the reference implementation."""

from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from voice_api.speech.whisper.features import FeatureSettings, log_mel

TOLERANCE = 3e-5
"""The reference keeps its spectrum in single precision: on a tone in silence it is 1.5e-5 off itself."""

SETTINGS = {
    "80 bins": FeatureSettings(),
    "128 bins": FeatureSettings(bins=128),
    "a longer hop": FeatureSettings(hop_length=320, chunk_seconds=8),
    "another window": FeatureSettings(bins=64, window_length=512, hop_length=256, chunk_seconds=5),
}


@lru_cache
def reference(settings: FeatureSettings) -> Any:
    from transformers import WhisperFeatureExtractor

    return WhisperFeatureExtractor(
        feature_size=settings.bins,
        n_fft=settings.window_length,
        hop_length=settings.hop_length,
        chunk_length=int(settings.chunk_seconds),
    )


def expected(sound: NDArray[np.float32], settings: FeatureSettings) -> NDArray[np.float32]:
    extractor = reference(settings)
    return np.asarray(extractor(sound, sampling_rate=16_000, return_tensors="np").input_features)


def noise(seconds: float, level: float = 0.1) -> NDArray[np.float32]:
    return np.random.default_rng(0).normal(0, level, int(seconds * 16_000)).astype(np.float32)


@pytest.mark.parametrize("name", SETTINGS)
def test_features_equal_the_reference(name: str) -> None:
    found = log_mel(noise(3), SETTINGS[name])
    wanted = expected(noise(3), SETTINGS[name])
    assert found.shape == wanted.shape
    assert found.dtype == np.float32
    assert np.abs(found - wanted).max() < TOLERANCE


@pytest.mark.parametrize(
    "sound",
    [
        np.zeros(16_000, dtype=np.float32),
        np.ones(1, dtype=np.float32),
        noise(41),
        noise(2, level=1e-5),
        np.sign(noise(4)),
    ],
    ids=["silence", "one sample", "longer than a chunk", "very quiet", "full scale"],
)
def test_unusual_sound_gives_the_reference_features(sound: NDArray[np.float32]) -> None:
    assert np.abs(log_mel(sound, FeatureSettings()) - expected(sound, FeatureSettings())).max() < TOLERANCE


@settings(max_examples=25)
@given(
    seed=st.integers(0, 2**32 - 1),
    samples=st.integers(1, 100_000),
    level=st.floats(1e-4, 1.0),
    hertz=st.floats(20, 7_900),
)
def test_any_sound_gives_the_reference_features(seed: int, samples: int, level: float, hertz: float) -> None:
    short = SETTINGS["a longer hop"]
    tone = np.sin(2 * np.pi * hertz / 16_000 * np.arange(samples))
    mixed = level * (tone + np.random.default_rng(seed).normal(0, 0.3, samples))
    sound = np.clip(mixed, -1, 1).astype(np.float32)
    assert np.abs(log_mel(sound, short) - expected(sound, short)).max() < TOLERANCE


def test_fewer_frames_are_the_beginning_of_a_whole_chunk() -> None:
    settings, sound = FeatureSettings(), noise(2)
    padded_frames = 2 * 100 + 10
    short = log_mel(sound, settings, padded_frames)
    assert short.shape == (1, 80, padded_frames)
    np.testing.assert_allclose(short[..., :-2], log_mel(sound, settings)[..., : padded_frames - 2], atol=1e-6)


@pytest.mark.parametrize("samples", [1, 159, 160, 8_000, 16_000, 47_999])
def test_the_silence_after_a_sound_is_as_if_its_spectrum_had_been_computed(samples: int) -> None:
    sound = noise(3)[:samples]
    hiss = np.concatenate([sound, np.full(5 * 16_000, 1e-12, dtype=np.float32)])
    np.testing.assert_allclose(log_mel(sound, FeatureSettings()), log_mel(hiss, FeatureSettings()), atol=1e-5)


def test_sound_that_fills_its_frames_is_mirrored_at_its_end_as_the_reference_does() -> None:
    short = FeatureSettings(chunk_seconds=2)
    assert np.abs(log_mel(noise(2), short) - expected(noise(2), short)).max() < TOLERANCE
