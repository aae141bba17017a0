"""What this machine can at most: bytes it reads and int8 products it computes in a second.

Both by the very kernels that a model runs on, so that the distance to them is what a better graph could gain.
"""

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from voice_api.bench.figures import Costs
from voice_api.speech.runtime import open_session

READ_ROWS, READ_COLUMNS = 8_192, 16_384
"""One int8 matrix of 128 MiB: more than any cache of a small machine holds."""

COMPUTE_ROWS, COMPUTE_WIDTH = 1_500, 2_048
ROUNDS = 7


def reading_bytes_per_second(threads: int) -> float:
    """A vector times an int8 matrix, as in every step of a decoder: each weight is read once."""
    seconds = _product_seconds(1, READ_ROWS, READ_COLUMNS, threads)
    return READ_ROWS * READ_COLUMNS / seconds


def operations_per_second(threads: int) -> float:
    """A matrix times an int8 matrix, as in an encoder of 30 s; a product and its sum are two operations."""
    seconds = _product_seconds(COMPUTE_ROWS, COMPUTE_WIDTH, COMPUTE_WIDTH, threads)
    return 2 * COMPUTE_ROWS * COMPUTE_WIDTH**2 / seconds


def costs(folder: Path, positions: int, threads: int) -> Costs:
    """Of a model that hears so many positions, by its config.json and the weights of its decoder.

    Per token: the decoder's weights with those of its scores, and the keys and values of what is heard in
    float32. Per position of the encoder: twice its weights, and attention to all positions.
    """
    sizes = json.loads((folder / "config.json").read_text())
    width = sizes["d_model"]
    memories = sizes["decoder_layers"] * 2 * positions * width * 4
    layer = 2 * (4 * width**2 + 2 * width * sizes["encoder_ffn_dim"]) + 4 * positions * width
    return Costs(
        token_bytes=_decoder_bytes(folder, sizes) + memories,
        position_operations=sizes["encoder_layers"] * layer,
        read_bytes_per_second=reading_bytes_per_second(threads),
        operations_per_second=operations_per_second(threads),
    )


def _decoder_bytes(folder: Path, sizes: Mapping[str, Any]) -> int:
    """As compiled; of a published folder as if all its products were in int8."""
    compiled = [*folder.glob("decoder*.weights"), *folder.glob("scores*.weights")]
    if compiled:
        return sum(path.stat().st_size for path in compiled)
    width, layers = sizes["d_model"], sizes["decoder_layers"]
    layer = 6 * width**2 + 2 * width * sizes["decoder_ffn_dim"]
    return int(layers * layer + sizes["vocab_size"] * width)


def _product_seconds(rows: int, inputs: int, outputs: int, threads: int) -> float:
    session = open_session(_product_graph(inputs, outputs), threads)
    feeds = {"value": np.ones((rows, inputs), dtype=np.float32)}
    return min(_seconds(lambda: session.run(["result"], feeds)) for _ in range(ROUNDS))


def _seconds(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def _product_graph(inputs: int, outputs: int) -> bytes:
    """float32 [rows, inputs] to the int32 product with an int8 matrix."""
    matrix = np.random.default_rng(0).integers(-63, 64, (inputs, outputs), dtype=np.int8)
    nodes = [
        helper.make_node("DynamicQuantizeLinear", ["value"], ["quantised", "scale", "zero"]),
        helper.make_node("MatMulInteger", ["quantised", "matrix", "zero"], ["result"]),
    ]
    graph = helper.make_graph(
        nodes,
        "product",
        [helper.make_tensor_value_info("value", TensorProto.FLOAT, ["rows", inputs])],
        [helper.make_tensor_value_info("result", TensorProto.INT32, ["rows", outputs])],
        [numpy_helper.from_array(matrix, "matrix")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    written: bytes = model.SerializeToString()
    return written
