"""A folder computes what the torch model it was written from computes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from voice_api.speech.whisper.engine import Whisper, load_whisper
from voice_api.speech.whisper.features import log_mel

MERGED = ("encoder_model", "decoder_model_merged")
SPLIT = ("encoder_model", "decoder_model", "decoder_with_past_model")
FOLDERS: dict[str, dict[str, Any]] = {
    "multilingual, onnx/, merged": {"graphs": MERGED},
    "multilingual, root, split": {"graphs": SPLIT, "in_root": True},
    "English only, root, merged": {"multilingual": False, "graphs": MERGED, "in_root": True},
    "128 bins, onnx/, split": {"bins": 128, "graphs": SPLIT},
    "any length": {"graphs": MERGED, "dynamic": True, "chunk_seconds": 6, "hop_length": 320},
    "the width and vocabulary of tiny": {"graphs": MERGED, "size": "tiny"},
}


def logits_of(whisper: Whisper, sound: NDArray[np.float32], tokens: list[int]) -> NDArray[np.float32]:
    """Logits when the first half of the tokens is fed at once and the rest one by one."""
    folder = whisper.model.folder
    hidden = whisper.model.encoder.run(log_mel(sound, folder.features))
    decoding = whisper.model.decoder.begin(hidden)
    half = len(tokens) // 2
    steps = [tokens[:half], *([token] for token in tokens[half:])]
    return np.concatenate([decoding.feed(np.array([step]), range(len(step)))[0] for step in steps])


def torch_logits(
    model: Any, whisper: Whisper, sound: NDArray[np.float32], tokens: list[int]
) -> NDArray[np.float32]:
    import torch

    features = torch.from_numpy(log_mel(sound, whisper.model.folder.features))
    with torch.no_grad():
        return np.asarray(model(features, decoder_input_ids=torch.tensor([tokens])).logits[0].numpy())


def some_tokens(whisper: Whisper) -> list[int]:
    vocabulary = whisper.model.folder.architecture.vocab_size
    return [int(token) for token in np.random.default_rng(1).integers(0, vocabulary, 12)]


@pytest.mark.parametrize("name", FOLDERS)
def test_logits_equal_torch(
    name: str, load: Callable[..., Whisper], original: Callable[[Path], Any], speak: Callable[..., Any]
) -> None:
    whisper = load(**FOLDERS[name])
    tokens = some_tokens(whisper)
    found = logits_of(whisper, speak(), tokens)
    wanted = torch_logits(original(whisper.model.folder.path), whisper, speak(), tokens)
    assert found.shape == wanted.shape
    assert wanted.std() > 0.3, "weights so small that anything would be equal"
    assert np.abs(found - wanted).max() < 1e-3 * wanted.std()


def test_int8_logits_are_near_torch(
    load: Callable[..., Whisper], original: Callable[[Path], Any], speak: Callable[..., Any]
) -> None:
    whisper = load(suffixes=("", "_int8"), graphs=MERGED)
    assert whisper.model.folder.graphs.decoder.name == "decoder_model_merged_int8.onnx"
    tokens = some_tokens(whisper)
    found = logits_of(whisper, speak(), tokens)
    wanted = torch_logits(original(whisper.model.folder.path), whisper, speak(), tokens)
    assert 0 < np.abs(found - wanted).mean() < 0.03 * wanted.std()


def test_a_decoder_that_asks_for_positions_gets_them(
    make_folder: Callable[..., Path], tmp_path: Path, speak: Callable[..., Any]
) -> None:
    """As exports of newer optimum versions do: the positions come in, instead of being counted inside."""
    folder = tmp_path / "asks"
    source = make_folder(graphs=SPLIT, chunk_seconds=6, hop_length=320)
    (folder / "onnx").mkdir(parents=True)
    for file in (*source.glob("*.json"), *source.glob("onnx/*.onnx")):
        (folder / file.relative_to(source)).symlink_to(file)
    later = folder / "onnx" / "decoder_with_past_model.onnx"
    graph = onnx.load(later.resolve())
    positions = onnx.helper.make_tensor_value_info("cache_position", onnx.TensorProto.INT64, ["steps"])
    graph.graph.input.append(positions)
    counted = next(node.output[0] for node in graph.graph.node if node.op_type == "Range")
    for node in graph.graph.node:
        node.input[:] = ["cache_position" if name == counted else name for name in node.input]
    later.unlink()
    onnx.save(graph, later)
    whisper, plain = load_whisper(folder, 1), load_whisper(source, 1)
    tokens = some_tokens(whisper)
    np.testing.assert_array_equal(logits_of(whisper, speak(), tokens), logits_of(plain, speak(), tokens))
