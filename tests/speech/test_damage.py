"""Whatever is wrong with a model folder is said in words, with something to do about it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import numpy_helper

from voice_api.errors import VoiceApiError
from voice_api.speech.protocol import TranscribeOptions
from voice_api.speech.whisper.engine import load_whisper
from voice_api.speech.whisper.errors import ModelFolderError
from voice_api.speech.whisper.layout import find_graphs, read_folder

ENCODER = "onnx/encoder_model_int8.onnx"
DECODER = "onnx/decoder_model_merged_int8.onnx"
Damage = Callable[[Path], None]


@pytest.fixture
def folder(small_folder: Path, tmp_path: Path) -> Path:
    """A whole folder of the test's own."""
    copy = tmp_path / "model"
    shutil.copytree(small_folder, copy, ignore=shutil.ignore_patterns("reference"))
    return copy


def change(name: str, **values: Any) -> Damage:
    """Set values in a JSON file; None removes one."""

    def damage(folder: Path) -> None:
        content = json.loads((folder / name).read_text()) | values
        kept = {key: value for key, value in content.items() if value is not None}
        (folder / name).write_text(json.dumps(kept))

    return damage


def write(name: str, content: str | bytes) -> Damage:
    data = content.encode() if isinstance(content, str) else content
    return lambda folder: (folder / name).write_bytes(data) and None


def remove(*names: str) -> Damage:
    return lambda folder: [(folder / name).unlink() for name in names] and None


def keep_half(name: str) -> Damage:
    def damage(folder: Path) -> None:
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(whole[: len(whole) // 2])

    return damage


def swap(folder: Path) -> None:
    (folder / ENCODER).rename(folder / "kept")
    (folder / DECODER).rename(folder / ENCODER)
    (folder / "kept").rename(folder / DECODER)


def end_without_a_word(folder: Path) -> None:
    change("config.json", vocab_size=500)(folder)
    change("generation_config.json", eos_token_id=409)(folder)


def split_without_the_later_half(folder: Path) -> None:
    (folder / DECODER).rename(folder / "onnx/decoder_model_int8.onnx")


def without_weights_beside(folder: Path) -> None:
    """The graph says that its weights lie in another file, which was not copied."""
    graph = onnx.load(folder / ENCODER)
    place = folder / ENCODER
    onnx.save(
        graph, place, save_as_external_data=True, location="encoder_model_int8.onnx_data", size_threshold=0
    )
    (place.parent / "encoder_model_int8.onnx_data").unlink()


def poisoned(folder: Path) -> None:
    graph = onnx.load(folder / DECODER)
    for weight in graph.graph.initializer:
        if weight.name == "decoder.layer_norm.weight":
            weight.CopyFrom(
                numpy_helper.from_array(numpy_helper.to_array(weight) * float("nan"), weight.name)
            )
    onnx.save(graph, folder / DECODER)


def without_output(folder: Path) -> None:
    graph = onnx.load(folder / ENCODER)
    graph.graph.output[0].name = "something"
    graph.graph.node[-1].output[0] = "something"
    onnx.save(graph, folder / ENCODER)


DAMAGES: dict[str, tuple[Damage, str]] = {
    "no config": (remove("config.json"), "config.json is missing"),
    "config cut off": (keep_half("config.json"), "not valid JSON"),
    "config of bytes": (write("config.json", b"\xff\xfe\x00"), "not valid JSON"),
    "config is a list": (write("config.json", "[]"), "no JSON object"),
    "config too deep": (write("config.json", "[" * 100_000), "not valid JSON"),
    "another kind of model": (change("config.json", model_type="bert"), "bert"),
    "a size is missing": (change("config.json", d_model=None), "d_model"),
    "a size is text": (change("config.json", d_model="64"), "d_model"),
    "a size is zero": (change("config.json", decoder_layers=0), "size of 0"),
    "heads do not divide": (change("config.json", decoder_attention_heads=3), "decoder_attention_heads"),
    "other width": (change("config.json", d_model=128), "shape"),
    "other heads": (change("config.json", decoder_attention_heads=4), "shape"),
    "more layers": (change("config.json", decoder_layers=3), "present.2.decoder.key"),
    "fewer layers": (change("config.json", decoder_layers=1), "more layers"),
    "larger vocabulary": (change("config.json", vocab_size=5_000), "shape"),
    "smaller vocabulary": (change("config.json", vocab_size=100), "tokens"),
    "other bins": (change("config.json", num_mel_bins=128), "feature_size"),
    "no features": (remove("preprocessor_config.json"), "preprocessor_config.json is missing"),
    "other sample rate": (change("preprocessor_config.json", sampling_rate=8_000), "sampling_rate"),
    "other chunk": (change("preprocessor_config.json", chunk_length=30), "chunk_length"),
    "no hop": (change("preprocessor_config.json", hop_length=0), "hop_length"),
    "a window without end": (change("preprocessor_config.json", n_fft=10**9), "n_fft"),
    "no tokenizer": (remove("tokenizer.json"), "tokenizer.json is missing"),
    "tokenizer cut off": (keep_half("tokenizer.json"), "cannot be read"),
    "tokenizer of another kind": (write("tokenizer.json", "{}"), "cannot be read"),
    "unknown end": (end_without_a_word, "no token 409"),
    "chunk is no number": (change("preprocessor_config.json", chunk_length=float("nan")), "chunk_length"),
    "chunk without end": (change("preprocessor_config.json", chunk_length=float("inf")), "chunk_length"),
    "negative token": (change("generation_config.json", suppress_tokens=[-1]), "suppress_tokens"),
    "language is no token": (change("generation_config.json", lang_to_id={"<|en|>": "one"}), "lang_to_id"),
    "token beyond": (change("generation_config.json", suppress_tokens=[10_000]), "token 10000"),
    "generation cut off": (keep_half("generation_config.json"), "not valid JSON"),
    "no encoder": (remove(ENCODER), "no encoder_model.onnx"),
    "no decoder": (remove(DECODER), "no decoder_model_merged.onnx"),
    "half a split decoder": (split_without_the_later_half, "no decoder_with_past_model.onnx"),
    "encoder cut off": (keep_half(ENCODER), "cannot be loaded"),
    "decoder cut off": (keep_half(DECODER), "cannot be loaded"),
    "encoder empty": (write(ENCODER, b""), "cannot be loaded"),
    "encoder is a pointer": (write(ENCODER, "version https://git-lfs.github.com/spec/v1\n"), "Git LFS"),
    "weights left behind": (without_weights_beside, "cannot be loaded"),
    "encoder and decoder swapped": (swap, "takes no input_features"),
    "another output": (without_output, "gives no last_hidden_state"),
    "weights that are no numbers": (poisoned, "no usable numbers"),
    "calibration cut off": (write("confidence.json", '{"bias": 1'), "not valid JSON"),
    "calibration without threshold": (write("confidence.json", '{"bias": 1, "weights": {}}'), "threshold"),
    "unknown statistic": (
        write("confidence.json", '{"bias": 1, "weights": {"luck": 2}, "threshold": 0.5}'),
        "luck",
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_named_with_a_fix(name: str, folder: Path) -> None:
    damage, words = DAMAGES[name]
    damage(folder)
    with pytest.raises(ModelFolderError) as refused:
        load_whisper(folder, 1)
    assert words in refused.value.message
    assert str(folder) in refused.value.message
    assert refused.value.fix
    assert "\n" not in refused.value.message


def test_the_undamaged_folder_loads(folder: Path) -> None:
    assert load_whisper(folder, 1).name == "model"


@pytest.mark.parametrize("kind", ["missing", "a file"])
def test_a_folder_that_is_none_is_refused(kind: str, tmp_path: Path) -> None:
    place = tmp_path / "model"
    if kind == "a file":
        place.write_text("")
    with pytest.raises(ModelFolderError, match=r"does not exist|is not a folder"):
        load_whisper(place, 1)


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(graph=st.sampled_from([ENCODER, DECODER]), share=st.floats(0, 0.999))
def test_a_graph_cut_off_anywhere_is_refused(folder: Path, graph: str, share: float) -> None:
    whole = (folder / graph).read_bytes()
    try:
        (folder / graph).write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(ModelFolderError):
            load_whisper(folder, 1)
    finally:
        (folder / graph).write_bytes(whole)


JSON_FILES = ["config.json", "generation_config.json", "preprocessor_config.json", "tokenizer.json"]
values = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.just([]), st.just({})
)


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(name=st.sampled_from(JSON_FILES), choice=st.randoms(use_true_random=False), value=values)
def test_any_wrong_value_is_harmless_or_refused(folder: Path, name: str, choice: Any, value: object) -> None:
    whole = (folder / name).read_text()
    content = json.loads(whole)
    content[choice.choice(sorted(content))] = value
    try:
        (folder / name).write_text(json.dumps(content))
        read_folder(folder)
    except ModelFolderError as error:
        assert error.fix  # noqa: PT017 - refusing is one of two good ends
    finally:
        (folder / name).write_text(whole)


def test_a_text_longer_than_the_graph_can_hold_is_an_error_with_a_fix(
    folder: Path, speak: Callable[..., Any]
) -> None:
    """max_target_positions is nowhere in the shapes of a graph, so only a long text can tell."""
    longer = {"max_length": 2_000, "begin_suppress_tokens": [], "suppress_tokens": []}
    change("config.json", max_target_positions=2_000)(folder)
    change("generation_config.json", **longer)(folder)
    end = json.loads((folder / "config.json").read_text())["eos_token_id"]
    change("generation_config.json", suppress_tokens=[end])(folder)
    with pytest.raises(VoiceApiError) as failed:
        load_whisper(folder, 1).transcribe(speak(), TranscribeOptions())
    assert failed.value.code == "model_failed"
    assert failed.value.fix


def test_int8_is_preferred_and_merged_before_split(tmp_path: Path) -> None:
    names = ["encoder_model", "encoder_model_int8", "encoder_model_fp16", "decoder_model_merged"]
    names += ["decoder_model_int8", "decoder_with_past_model_int8", "decoder_model_merged_quantized"]
    for name in names:
        (tmp_path / f"{name}.onnx").write_bytes(b"graph")
    graphs = find_graphs(tmp_path)
    assert graphs.encoder.name == "encoder_model_int8.onnx"
    assert graphs.decoder.name == "decoder_model_int8.onnx"
    assert graphs.later_decoder is not None
    (tmp_path / "decoder_model_merged_int8.onnx").write_bytes(b"graph")
    assert find_graphs(tmp_path).decoder.name == "decoder_model_merged_int8.onnx"
    assert find_graphs(tmp_path).later_decoder is None


def test_an_older_folder_without_generation_settings_is_read_from_its_vocabulary(
    make_folder: Callable[..., Path], tmp_path: Path
) -> None:
    source = make_folder(graphs=("encoder_model", "decoder_model_merged"))
    folder = tmp_path / "older"
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("reference", "generation_config.json"))
    content = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(
        json.dumps(content | {"begin_suppress_tokens": [7], "suppress_tokens": [8]})
    )
    found, told = read_folder(folder).generation, read_folder(source).generation
    assert found.no_timestamps_token == told.no_timestamps_token
    assert (found.languages, found.tasks) == (told.languages, told.tasks)
    assert (found.start_token, found.end_token) == (told.start_token, told.end_token)
    assert (found.suppressed, found.suppressed_first) == ((8,), (7,))


def test_a_no_timestamps_token_that_nothing_follows_means_that_there_are_none(folder: Path) -> None:
    last = json.loads((folder / "config.json").read_text())["vocab_size"] - 1
    change("generation_config.json", no_timestamps_token_id=last)(folder)
    generation = read_folder(folder).generation
    assert (generation.no_timestamps_token, generation.first_timestamp) == (last, None)
