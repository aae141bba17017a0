"""The encoder hears as much as it needs, and a whole chunk decides what that little makes doubtful."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from voice_api.speech.protocol import SAMPLE_RATE, TranscribeOptions
from voice_api.speech.stopwatch import Stopwatch
from voice_api.speech.whisper.confidence import TokenTrace
from voice_api.speech.whisper.context import (
    STOCK_LEAST_FRAMES,
    Listening,
    frames_for,
    repeats,
    suspicious,
)
from voice_api.speech.whisper.decode import Decoded
from voice_api.speech.whisper.engine import Whisper, load_whisper
from voice_api.speech.whisper.features import FeatureSettings
from voice_api.speech.whisper.layout import tuned_for_short_context

Sound = NDArray[np.float32]
STOCK = FeatureSettings()
EMBEDDED = FeatureSettings(hop_length=320, chunk_seconds=10)
PLAIN = TranscribeOptions()
END = 9
WORDS = ("how", "many", "pods", "are", "there", "in", "web", "now", "please")
MERGED = ("encoder_model", "decoder_model_merged")


def decoded(tokens: list[int], log_probability: float = -0.1, end: int = END) -> Decoded:
    trace = tuple(TokenTrace(token, log_probability, 1.0, 0.1) for token in (*tokens, end))
    return Decoded(tuple(tokens), trace, 0.0)


@given(st.integers(0, 40 * SAMPLE_RATE), st.booleans(), st.sampled_from([STOCK, EMBEDDED]))
def test_the_context_holds_the_sound_and_its_margin_and_never_more_than_a_chunk(
    samples: int, trained: bool, settings: FeatureSettings
) -> None:
    frames = frames_for(samples, settings, trained)
    margin = SAMPLE_RATE // 2 if trained else 3 * SAMPLE_RATE // 2
    needed = (samples + margin) / settings.hop_length
    assert frames % 2 == 0
    assert frames == settings.chunk_frames or needed <= frames
    assert frames <= settings.chunk_frames
    assert frames < needed + 2 or frames == STOCK_LEAST_FRAMES


@given(st.integers(0, 10 * SAMPLE_RATE), st.integers(0, 10 * SAMPLE_RATE), st.booleans())
def test_more_sound_never_has_less_context(one: int, other: int, trained: bool) -> None:
    less, more = sorted((one, other))
    assert frames_for(less, STOCK, trained) <= frames_for(more, STOCK, trained)


def test_a_stock_model_hears_at_least_128_positions() -> None:
    assert frames_for(100, STOCK, trained=False) == 2 * 128
    assert frames_for(100, STOCK, trained=True) < 2 * 128


@given(st.lists(st.integers(0, 8), min_size=1, max_size=12), st.integers(4, 8), st.lists(st.integers(0, 8)))
def test_a_stretch_said_four_times_in_a_row_is_a_loop(
    stretch: list[int], times: int, before: list[int]
) -> None:
    assert repeats([*before, *stretch * times])


@given(st.permutations(range(30)))
@example(list(range(12)) * 3)
@example([1, 1, 1])
@example([])
def test_what_is_said_three_times_at_most_is_no_loop(tokens: list[int]) -> None:
    assert not repeats(tokens)


@given(st.permutations(range(9)), st.floats(-0.99, 0.0))
def test_a_likely_text_that_ends_and_does_not_repeat_itself_stands(tokens: list[int], likely: float) -> None:
    text = " ".join(WORDS[token] for token in tokens)
    assert not suspicious(decoded(tokens, likely), text, END)


@given(st.permutations(range(9)), st.floats(-20.0, -1.01))
def test_an_unlikely_text_is_suspicious(tokens: list[int], unlikely: float) -> None:
    assert suspicious(decoded(tokens, unlikely), "some words", END)


@given(st.permutations(range(9)), st.integers(0, 8))
def test_a_text_that_did_not_end_is_suspicious(tokens: list[int], last: int) -> None:
    assert suspicious(decoded(tokens, end=last), "some words", END)


@given(st.text("abcdefgh", min_size=6, max_size=20))
def test_a_text_that_compresses_like_a_loop_is_suspicious(words: str) -> None:
    assert suspicious(decoded([1, 2, 3]), words * 20, END)


def test_nothing_at_all_is_suspicious_because_the_gate_let_it_pass() -> None:
    assert suspicious(Decoded((), (), 0.99), "", END)


@pytest.fixture(scope="module")
def embedded() -> Whisper:
    return load_whisper(Path(str(files("voice_api"))) / "models" / "embedded", 2)


def compiled(whisper: Whisper, **listening: bool | str) -> Whisper:
    """The model as if compiled from a stock one: its graph takes any length, its training did not."""
    folder = replace(whisper.model.folder, compiled=True, short_context=False)
    return Whisper(replace(whisper.model, folder=folder, listening=Listening(**listening)))  # type: ignore[arg-type]


def positions(whisper: Whisper, sound: Sound) -> int:
    return int(whisper.model.encode(sound, Stopwatch()).shape()[1])


def test_a_compiled_stock_model_hears_a_second_and_a_half_more_than_the_sound(
    embedded: Whisper, speak: Callable[..., Sound]
) -> None:
    sound = speak("list the deployments in the namespace shop and then scale web to three")
    seconds = sound.size / SAMPLE_RATE
    assert seconds + 1.5 <= positions(compiled(embedded), sound) * 0.04 <= seconds + 1.6
    assert seconds + 0.5 <= positions(embedded, sound) * 0.04 <= seconds + 0.6


def test_where_the_setting_is_full_a_whole_chunk_is_heard(
    embedded: Whisper, speak: Callable[..., Sound]
) -> None:
    whole = compiled(embedded, audio_context="full")
    assert positions(whole, speak()) == 250
    assert whole.transcribe(speak(), PLAIN).retries == ()


def test_what_can_be_trusted_in_a_short_context_is_not_decoded_again(
    embedded: Whisper, speak: Callable[..., Sound]
) -> None:
    heard = compiled(embedded).transcribe(speak(), PLAIN)
    assert heard.retries == ()
    assert heard.text == "how many pods are not ready"


@pytest.mark.parametrize("sentence", ["how many pods are not ready", "yes", "list the nodes"])
@pytest.mark.parametrize("seed", [0, 1, 3])
def test_what_loops_in_a_short_context_is_decided_by_the_whole_one(
    seed: int, sentence: str, load: Callable[..., Whisper], speak: Callable[..., Sound]
) -> None:
    stock = load(seed=seed, multilingual=False, dynamic=True, suffixes=("_int8",), graphs=MERGED)
    adaptive = compiled(stock).transcribe(speak(sentence), PLAIN)
    whole = compiled(stock, audio_context="full").transcribe(speak(sentence), PLAIN)
    assert adaptive.retries[0] == "context"
    assert adaptive.retries[1:] == whole.retries
    assert [one.token_ids for one in adaptive.segments] == [one.token_ids for one in whole.segments]


def test_without_retries_the_first_decoding_stands(
    load: Callable[..., Whisper], speak: Callable[..., Sound]
) -> None:
    stock = load(seed=1, multilingual=False, dynamic=True, suffixes=("_int8",), graphs=MERGED)
    once, statistics = compiled(stock, retries=False).measure(speak(), PLAIN)
    twice, decided = compiled(stock).measure(speak(), PLAIN)
    assert once.retries == ()
    assert twice.retries[0] == "context"
    assert statistics != decided
    assert all(segment.temperature == 0.0 for segment in once.segments)


def test_a_language_found_in_a_context_that_is_not_trusted_is_asked_for_again(
    load: Callable[..., Whisper], speak: Callable[..., Sound]
) -> None:
    stock = load(dynamic=True, suffixes=("_int8",), graphs=MERGED)
    sounds = [speak(sentence) for sentence in ("yes", "list the nodes", "scale web to three", "no")]
    for sound in sounds:
        adaptive = compiled(stock).transcribe(sound, PLAIN)
        whole = compiled(stock, audio_context="full").transcribe(sound, PLAIN)
        assert adaptive.retries[0] == "context"
        assert adaptive.language == whole.language


def test_a_graph_of_fixed_length_hears_a_whole_chunk_and_nothing_is_decided_twice(
    load: Callable[..., Whisper], speak: Callable[..., Sound]
) -> None:
    fixed = load(graphs=MERGED)
    assert positions(fixed, speak()) == 1500
    assert "context" not in fixed.transcribe(speak(), TranscribeOptions(language="en")).retries


@pytest.mark.parametrize("name", ["acft-whisper-tiny.en", "My-ACFT"])
def test_a_folder_tuned_for_short_contexts_is_known_by_its_name(
    name: str, small_folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(small_folder, tmp_path / name)
    assert tuned_for_short_context(tmp_path / name)
    assert not tuned_for_short_context(small_folder)


def test_a_folder_tuned_for_short_contexts_is_known_by_where_its_config_says_it_is_from(
    small_folder: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "tiny"
    shutil.copytree(small_folder, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "_name_or_path": "futo-org/acft-whisper-tiny"}))
    assert tuned_for_short_context(folder)
