"""Folders that optimum exported, as most published ones were: merged and split, by old and new opsets."""

import shutil
import sys
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compile_cases import some_features, some_tokens

from voice_api.speech.whisper.compile.folder import CompileOptions, compile_folder
from voice_api.speech.whisper.compiled import CompiledDecoder, CompiledEncoder
from voice_api.speech.whisper.config import read_architecture

pytestmark = pytest.mark.needs("optimum")
HALVES = ("decoder_model.onnx", "decoder_with_past_model.onnx")


@pytest.fixture(params=[14, 18])
def exported(request: pytest.FixtureRequest, published: Callable[..., Path]) -> Path:
    """Opset 14 writes a layer normalisation in nine nodes, and is what older folders have."""
    place = Path(__file__).parents[1] / "components" / "optimum" / "fixtures.py"
    spec = spec_from_file_location("optimum_component", place)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["optimum_component"] = module_from_spec(spec)
    spec.loader.exec_module(module)
    folder: Path = module.exported(published(), request.param)
    return folder


@pytest.mark.parametrize("layout", ["merged", "split", "onnx/, int8 by onnxruntime"])
def test_what_optimum_exported_is_understood(
    layout: str,
    published: Callable[..., Path],
    exported: Path,
    original: Callable[[Path], Any],
    tmp_path: Path,
) -> None:
    import torch

    source = _laid_out(exported, layout, tmp_path / "published")
    compile_folder(source, tmp_path / "model", CompileOptions("fp32"), lambda _: None)
    features, tokens = some_features(source), some_tokens(source)
    decoder = CompiledDecoder(tmp_path / "model", read_architecture(source), 1)
    found = decoder.begin(CompiledEncoder(tmp_path / "model", 1).run(features)).feed(tokens, range(10))[0]
    with torch.no_grad():
        wanted = (
            original(published())(torch.from_numpy(features), decoder_input_ids=torch.from_numpy(tokens))
            .logits[0]
            .numpy()
        )
    if "int8" in layout:
        assert np.corrcoef(found.ravel(), wanted.ravel())[0, 1] > 0.98
    else:
        assert np.abs(found - wanted).max() <= 1e-4


def _laid_out(export: Path, layout: str, folder: Path) -> Path:
    shutil.copytree(export, folder, ignore=shutil.ignore_patterns("reference"))
    for name in HALVES if layout == "merged" else ("decoder_model_merged.onnx",):
        (folder / name).unlink()
    if "int8" in layout:
        _quantise(folder)
    return folder


def _quantise(folder: Path) -> None:
    """As the int8 files of onnx-community are made: every product, convolution and table."""
    from voice_api.speech.runtime import onnxruntime

    assert onnxruntime
    from onnxruntime.quantization import QuantType, quantize_dynamic

    place = folder / "onnx"
    place.mkdir()
    for path in list(folder.glob("*.onnx")):
        quantize_dynamic(
            path, place / f"{path.stem}_quantized.onnx", weight_type=QuantType.QUInt8, per_channel=False
        )
        path.unlink()
