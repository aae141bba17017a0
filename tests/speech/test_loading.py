"""Published and compiled folders are loaded as what they are, and hear alike."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from voice_api.speech.protocol import SAMPLE_RATE, TranscribeOptions, Transcript
from voice_api.speech.stopwatch import Stopwatch
from voice_api.speech.whisper.compile.folder import CompileOptions, compile_folder
from voice_api.speech.whisper.context import Listening
from voice_api.speech.whisper.engine import Whisper, load_whisper
from voice_api.speech.whisper.errors import ModelFolderError

Sound = NDArray[np.float32]
ENGLISH = TranscribeOptions(language="en")
MERGED = ("encoder_model", "decoder_model_merged")


@pytest.fixture(scope="module")
def published(make_folder: Callable[..., Path]) -> Path:
    """A stock model: 30 s, its encoder takes nothing else, its alignment heads are named."""
    return make_folder(graphs=MERGED)


@pytest.fixture(scope="module")
def compiled_folder(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compiled") / "small"
    compile_folder(published, folder, CompileOptions("fp32"), lambda _: None)
    return folder


@pytest.fixture(scope="module")
def compiled(compiled_folder: Path) -> Whisper:
    return load_whisper(compiled_folder, 2, Listening(retries=False))


def tokens_of(transcript: Transcript) -> list[tuple[int, ...]]:
    return [segment.token_ids for segment in transcript.segments]


def positions(whisper: Whisper, sound: Sound) -> int:
    hidden: Any = whisper.model.encode(sound, Stopwatch())
    return int(hidden["cross.0.value"].shape()[2])


@pytest.mark.parametrize("sentence", ["how many pods are not ready", "list the nodes"])
def test_a_compiled_folder_hears_in_a_whole_chunk_what_the_published_one_hears(
    sentence: str, published: Path, compiled: Whisper, speak: Callable[..., Sound]
) -> None:
    full = Listening("full", retries=False)
    timed = replace(ENGLISH, timestamps=True)
    expected = load_whisper(published, 2, full).transcribe(speak(sentence), timed)
    found = Whisper(replace(compiled.model, listening=full)).transcribe(speak(sentence), timed)
    assert compiled.model.folder.compiled
    assert tokens_of(found) == tokens_of(expected)
    assert found.segments[0].average_log_probability == pytest.approx(
        expected.segments[0].average_log_probability, abs=1e-4
    )


def test_a_compiled_stock_model_gets_the_context_that_the_sound_needs(
    compiled: Whisper, speak: Callable[..., Sound]
) -> None:
    seconds = speak().size / SAMPLE_RATE
    assert not compiled.model.trained_on_any_length
    assert seconds + 1.5 <= positions(compiled, speak()) * 0.02 <= seconds + 1.6


def test_a_compiled_model_that_is_tuned_for_short_contexts_gets_less(
    compiled_folder: Path, tmp_path: Path, speak: Callable[..., Sound]
) -> None:
    folder = tmp_path / "tuned"
    shutil.copytree(compiled_folder, folder)
    about = json.loads((folder / "compiled.json").read_text())
    (folder / "compiled.json").write_text(json.dumps({**about, "short_context": True}))
    seconds = speak().size / SAMPLE_RATE
    assert seconds + 0.5 <= positions(load_whisper(folder, 2), speak()) * 0.02 <= seconds + 0.6


def test_a_model_that_was_made_for_any_length_still_is_when_compiled(
    small_folder: Path, tmp_path: Path, speak: Callable[..., Sound]
) -> None:
    compile_folder(small_folder, tmp_path / "small", CompileOptions("fp32"), lambda _: None)
    whisper, seconds = load_whisper(tmp_path / "small", 2), speak().size / SAMPLE_RATE
    assert whisper.model.trained_on_any_length
    assert seconds + 0.5 <= positions(whisper, speak()) * 0.04 <= seconds + 0.6


def test_words_are_told_in_seconds_of_the_sound_wherever_the_utterance_begins(
    compiled: Whisper, speak: Callable[..., Sound]
) -> None:
    late_by = 60 * 512
    words = replace(ENGLISH, words=True)
    early = compiled.transcribe(np.pad(speak(), (20 * 512, 0)), words)
    late = compiled.transcribe(np.pad(speak(), (20 * 512 + late_by, 0)), words)
    assert tokens_of(early) == tokens_of(late)
    pairs = list(zip(early.segments[0].words, late.segments[0].words, strict=True))
    assert pairs
    for before, after in pairs:
        assert before.text == after.text
        assert after.start_seconds - before.start_seconds == pytest.approx(late_by / SAMPLE_RATE)
        assert 0.0 <= after.start_seconds <= after.end_seconds <= late.duration_seconds


def test_words_are_told_only_when_they_are_asked_for(compiled: Whisper, speak: Callable[..., Sound]) -> None:
    assert compiled.transcribe(speak(), ENGLISH).segments[0].words == ()


def test_an_encoder_that_only_names_its_length_is_given_whole_chunks(
    published: Path, tmp_path: Path, speak: Callable[..., Sound]
) -> None:
    folder = tmp_path / "named"
    shutil.copytree(published, folder, ignore=shutil.ignore_patterns("reference"))
    graph = folder / "onnx" / "encoder_model.onnx"
    model = onnx.load(graph)
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_param = "encoder_sequence_length"
    onnx.save(model, graph)
    named, fixed = load_whisper(folder, 2), load_whisper(published, 2)
    assert not named.model.encoder.any_length
    assert tokens_of(named.transcribe(speak(), ENGLISH)) == tokens_of(fixed.transcribe(speak(), ENGLISH))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"schema": "kvx/compiled-model/v9"}, "v9"),
        ({"schema": None}, "schema"),
    ],
)
def test_a_folder_compiled_in_another_form_is_to_be_compiled_again(
    change: dict[str, str | None], told: str, compiled_folder: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "old"
    shutil.copytree(compiled_folder, folder)
    about = json.loads((folder / "compiled.json").read_text())
    (folder / "compiled.json").write_text(json.dumps(about | change))
    with pytest.raises(ModelFolderError, match=told) as refused:
        load_whisper(folder, 2)
    assert "voice-api model compile" in refused.value.fix


@pytest.mark.parametrize("name", ["encoder.onnx", "decoder.onnx"])
def test_a_compiled_folder_without_one_of_its_graphs_is_refused(
    name: str, compiled_folder: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "incomplete"
    shutil.copytree(compiled_folder, folder)
    (folder / name).unlink()
    with pytest.raises(ModelFolderError, match=name):
        load_whisper(folder, 2)
