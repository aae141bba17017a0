"""Whatever shape a folder is published in, its compiled form computes the same."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compile_cases import MERGED, SPLIT, Values, some_features, some_tokens

from voice_api.speech.whisper.compiled import CompiledDecoder, CompiledEncoder
from voice_api.speech.whisper.config import read_architecture
from voice_api.speech.whisper.layout import find_graphs
from voice_api.speech.whisper.sessions import Decoder, Encoder

Load = Callable[[Path], tuple[CompiledEncoder, CompiledDecoder]]
AS_PUBLISHED: dict[str, dict[str, Any]] = {
    "multilingual, onnx/, merged": {"graphs": MERGED},
    "multilingual, root, split": {"graphs": SPLIT, "in_root": True},
    "English only, root, merged": {"multilingual": False, "in_root": True},
    "128 bins, onnx/, split": {"bins": 128, "graphs": SPLIT},
    "weights beside, merged": {"external": True},
    "weights beside, root, split": {"external": True, "graphs": SPLIT, "in_root": True},
    "as large-v3-turbo: few decoder layers, 128 bins, weights beside": {
        "size": "turbo",
        "bins": 128,
        "external": True,
    },
    "any length, six seconds": {"dynamic": True, "chunk_seconds": 6, "hop_length": 320},
}
ROUNDED: dict[str, dict[str, Any]] = {
    "fp16, merged": {"suffixes": ("_fp16",)},
    "fp16, split, root": {"suffixes": ("_fp16",), "graphs": SPLIT, "in_root": True},
    "int8, merged, as the embedded model": {
        "suffixes": ("_int8",),
        "dynamic": True,
        "multilingual": False,
        "timestamps": False,
        "chunk_seconds": 6,
        "hop_length": 320,
    },
}
FED = (4, 1, 1, 2, 1, 1)


def logits_of(encoder: Any, decoder: Any, features: Values, tokens: Any) -> Values:
    decoding = decoder.begin(encoder.run(features))
    parts = np.split(tokens, np.cumsum(FED)[:-1], axis=1)
    return np.concatenate([decoding.feed(part, range(part.shape[1]))[0].copy() for part in parts])


def stock(folder: Path) -> tuple[Encoder, Decoder]:
    sizes = read_architecture(folder)
    graphs = find_graphs(folder)
    return Encoder(graphs.encoder, sizes, 1), Decoder(graphs, sizes, 1)


@pytest.mark.parametrize("name", AS_PUBLISHED)
def test_every_shape_computes_what_was_published(
    name: str, published: Callable[..., Path], compiled: Callable[..., Path], load: Load
) -> None:
    source = published(**AS_PUBLISHED[name])
    features, tokens = some_features(source), some_tokens(source)
    found = logits_of(*load(compiled("fp32", **AS_PUBLISHED[name])), features, tokens)
    wanted = logits_of(*stock(source), features, tokens)
    assert wanted.std() > 0.5
    assert np.abs(found - wanted).max() <= 1e-4


@pytest.mark.parametrize("name", ROUNDED)
def test_rounded_graphs_are_compiled_where_nothing_better_is_there(
    name: str, published: Callable[..., Path], compiled: Callable[..., Path], load: Load
) -> None:
    source = published(**ROUNDED[name])
    features, tokens = some_features(source), some_tokens(source)
    found = logits_of(*load(compiled("fp32", **ROUNDED[name])), features, tokens)
    wanted = logits_of(*stock(source), features, tokens)
    assert np.corrcoef(found.ravel(), wanted.ravel())[0, 1] > 0.999


def test_exact_graphs_are_compiled_where_rounded_ones_are_there_too(
    published: Callable[..., Path], compiled: Callable[..., Path]
) -> None:
    about = json.loads((compiled("int8", suffixes=("", "_int8")) / "compiled.json").read_text())
    assert about["source"]["graphs"] == ["onnx/encoder_model.onnx", "onnx/decoder_model_merged.onnx"]


@pytest.mark.parametrize("frames", [3000, 1002, 34])
def test_sound_of_any_length_is_heard_as_transformers_hears_it(
    frames: int,
    published: Callable[..., Path],
    compiled: Callable[..., Path],
    load: Load,
    original: Callable[[Path], Any],
) -> None:
    import torch

    source = published(graphs=MERGED)
    model, features, tokens = original(source), some_features(source, frames), some_tokens(source)
    found = logits_of(*load(compiled("fp32", graphs=MERGED)), features, tokens)
    with torch.no_grad():
        heard = _heard(model, torch.from_numpy(features))
        wanted = model(encoder_outputs=(heard,), decoder_input_ids=torch.from_numpy(tokens)).logits[0].numpy()
    assert np.abs(found - wanted).max() <= 1e-4


def _heard(model: Any, features: Any) -> Any:
    """transformers' encoder, which itself takes whole chunks only, with fewer rows of its positions."""
    import torch

    encoder = model.model.encoder
    convolved = torch.nn.functional.gelu(encoder.conv1(features))
    convolved = torch.nn.functional.gelu(encoder.conv2(convolved)).permute(0, 2, 1)
    hidden = convolved + encoder.embed_positions.weight[: convolved.shape[1]]
    for layer in encoder.layers:
        given = layer(hidden, None)
        hidden = given[0] if isinstance(given, tuple) else given
    return encoder.layer_norm(hidden)


@pytest.mark.parametrize("precision", ["int8", "int4"])
def test_fewer_bits_choose_nearly_the_same(
    precision: str, published: Callable[..., Path], compiled: Callable[..., Path], load: Load
) -> None:
    source = published(graphs=MERGED)
    features, tokens = some_features(source, 1200), some_tokens(source)
    exact = logits_of(*load(compiled("fp32", graphs=MERGED)), features, tokens)
    rounded = logits_of(*load(compiled(precision, graphs=MERGED)), features, tokens)
    assert np.corrcoef(exact.ravel(), rounded.ravel())[0, 1] > (0.98 if precision == "int8" else 0.9)
    assert not np.array_equal(exact, rounded)


def test_the_embedded_model_is_compiled(load: Load, tmp_path: Path) -> None:
    from voice_api.speech.whisper.compile.folder import CompileOptions, compile_folder

    source = Path(__file__).parents[2] / "voice_api" / "voice_api" / "models" / "embedded"
    compile_folder(source, tmp_path / "model", CompileOptions(), lambda _: None)
    features, tokens = some_features(source, 250), some_tokens(source)
    found = logits_of(*load(tmp_path / "model"), features, tokens)
    wanted = logits_of(*stock(source), features, tokens)
    assert (found.argmax(axis=-1) == wanted.argmax(axis=-1)).mean() >= 0.8
