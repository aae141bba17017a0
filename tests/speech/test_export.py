"""The export writes what a Hugging Face ONNX folder holds, and notices when it computes something else."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

GRAPHS = ("encoder_model", "decoder_model", "decoder_with_past_model", "decoder_model_merged")
LAYERS = range(2)
PARTS = ("decoder.key", "decoder.value", "encoder.key", "encoder.value")
PAST = {f"past_key_values.{layer}.{part}" for layer in LAYERS for part in PARTS}
PRESENT = {f"present.{layer}.{part}" for layer in LAYERS for part in PARTS}


@pytest.fixture(scope="module")
def folder(make_folder: Callable[..., Path]) -> Path:
    return make_folder(suffixes=("", "_int8"), chunk_seconds=6)


def read(folder: Path, name: str) -> onnx.ModelProto:
    return onnx.load(folder / "onnx" / f"{name}.onnx")


def names(values: Any) -> set[str]:
    return {value.name for value in values}


@pytest.mark.parametrize("suffix", ["", "_int8"])
def test_names_of_inputs_and_outputs_are_the_usual_ones(folder: Path, suffix: str) -> None:
    encoder, first, later, merged = (read(folder, f"{name}{suffix}").graph for name in GRAPHS)
    assert names(encoder.input) == {"input_features"}
    assert names(encoder.output) == {"last_hidden_state"}
    assert names(first.input) == {"input_ids", "encoder_hidden_states"}
    assert names(first.output) == {"logits"} | PRESENT
    assert names(later.input) == {"input_ids"} | PAST
    assert names(later.output) == {"logits"} | {name for name in PRESENT if ".decoder." in name}
    assert names(merged.input) == names(first.input) | PAST | {"use_cache_branch"}
    assert names(merged.output) == {"logits"} | PRESENT


def test_both_branches_of_a_merged_decoder_share_their_weights(folder: Path) -> None:
    place = folder / "onnx"
    merged = (place / "decoder_model_merged.onnx").stat().st_size
    assert merged < 1.2 * (place / "decoder_model.onnx").stat().st_size
    graph = read(folder, "decoder_model_merged").graph
    branches = [attribute.g for attribute in graph.node[0].attribute if attribute.HasField("g")]
    assert len(branches) == 2
    assert not any(branch.initializer for branch in branches)


def test_int8_leaves_no_constant_product_in_floating_point(folder: Path) -> None:
    graph = read(folder, "decoder_with_past_model_int8").graph
    constants = names(graph.initializer)
    products = [node for node in graph.node if node.op_type == "MatMul"]
    assert not any(set(node.input) & constants for node in products)
    assert sum(node.op_type == "MatMulInteger" for node in graph.node) == 2 * 8 + 1
    widest = max(graph.initializer, key=lambda tensor: np.prod(tensor.dims))
    assert widest.data_type in {onnx.TensorProto.FLOAT16, onnx.TensorProto.INT8}


@pytest.mark.parametrize("suffix", ["", "_int8"])
def test_the_export_measures_how_far_it_is_from_torch(
    folder: Path, suffix: str, original: Callable[[Path], Any]
) -> None:
    import export

    measured = export.deviation(original(folder), folder / "onnx", suffix)
    assert measured.spread > 0.3
    assert measured.largest < (1e-3 if not suffix else measured.spread)
    other = read(folder, "encoder_model" + suffix)
    assert other.opset_import[0].version >= 17


def test_the_measure_sees_another_models_graphs(
    folder: Path, make_folder: Callable[..., Path], original: Callable[[Path], Any]
) -> None:
    import export

    other = make_folder(suffixes=("",), chunk_seconds=6, seed=1)
    assert export.deviation(original(folder), other / "onnx", "").largest > export.LARGEST_EXACT_DEVIATION


def test_the_program_writes_a_folder_from_a_checkpoint(folder: Path, tmp_path: Path) -> None:
    import export

    export.main([str(folder / "reference"), str(tmp_path / "out"), "--suffix", "_int8", "--root"])
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert {f"{name}_int8.onnx" for name in GRAPHS} | {"config.json", "generation_config.json"} <= written
